/*
 * Writes the annotations of a QuPath project for "radiofib slides remeasure": <case>.geojson for
 * each image, over the file that was imported.
 *
 * QuPath 0.4 to 0.7. Open the project, open this file in the script editor and press Run once
 * (not "Run for project": it goes through the project itself). By default the files go to the
 * folder in which this script lies; "QuPath script --args FOLDER" names another.
 */
import qupath.lib.io.PathIO
import static qupath.lib.scripting.QP.*

def folder = findFolder()
def project = getProject()
if (project == null)
    throw new IllegalStateException('Open a project first.')
def open = getCurrentImageData()
def openEntry = open == null ? null : project.getEntry(open)

def written = [] as Set
for (entry in project.getImageList()) {
    try {
        def hierarchy = entry == openEntry ? open.getHierarchy() : entry.readHierarchy()
        def objects = hierarchy.getAllObjects(false).findAll {
            it.isAnnotation() || (it.isDetection() && !it.isCell() && !it.isTile())
        }
        def names = caseNames(entry)
        def known = names.find { new File(folder, it + '.geojson').isFile() }
        // An image whose objects were all deleted is written too, as an empty file.
        if (!objects && known == null)
            continue
        def name = known ?: names[0]
        if (!written.add(name)) {
            println "${entry.getImageName()}: ${name}.geojson is written already, left out"
            continue
        }
        def file = new File(folder, name + '.geojson')
        PathIO.exportObjectsAsGeoJSON(file, objects, PathIO.GeoJsonExportOptions.FEATURE_COLLECTION)
        println "${entry.getImageName()}: ${objects.size()} objects in ${file.getName()}"
    } catch (Exception e) {
        println "${entry.getImageName()}: ${e}"
    }
}
println "${written.size()} files in ${folder}"

def findFolder() {
    if (binding.hasVariable('args') && binding.getVariable('args'))
        return new File(binding.getVariable('args')[0])
    if (binding.hasVariable('qupath.script.file'))
        return new File(binding.getVariable('qupath.script.file')).getParentFile()
    throw new IllegalStateException('Save this script in the folder of the GeoJSON files first.')
}

// What radiofib calls an image: its file without suffix, with folders in front where names repeat.
def caseNames(entry) {
    def names = [stem(entry.getImageName())]
    for (uri in entry.getURIs()) {
        def parts = uri.getPath().split('/').findAll { it }
        def file = parts.pop()
        for (int depth = 0; depth <= parts.size(); depth++)
            for (own in [stem(file), file.replace('.', '_')])
                names << (parts.takeRight(depth) + own).join('__')
    }
    return names.unique()
}

def stem(name) {
    return name.replaceFirst(/\.[^.]*$/, '')
}
