"""File to image: radiological volumes, DICOM series, ultrasound pictures."""
