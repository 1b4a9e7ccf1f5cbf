/*
 * Puts radiofib's outlines into the images of a QuPath project: <case>.geojson for each image.
 *
 * QuPath 0.4 to 0.7. Open the project, open this file in the script editor and press Run once
 * (not "Run for project": it goes through the project itself). By default the GeoJSON files are
 * taken from the folder in which this script lies; "QuPath script --args FOLDER" names another.
 *
 * What radiofib put in before is replaced; what is replaced is first saved in the folder
 * radiofib_replaced of the project. What was drawn by hand stays, unless replaceDrawn is true:
 * then objects of the classes that the new file holds are replaced too. Set it after
 * "radiofib slides remeasure", whose files hold the tracts that were drawn by hand as well.
 */
import qupath.lib.io.PathIO
import static qupath.lib.scripting.QP.*

def replaceDrawn = false

def folder = findFolder()
def project = getProject()
if (project == null)
    throw new IllegalStateException('Open a project first.')
def base = project.getPath().toFile()
def replaced = new File(base.isFile() ? base.getParentFile() : base, 'radiofib_replaced')
def open = getCurrentImageData()
def openEntry = open == null ? null : project.getEntry(open)

int done = 0
for (entry in project.getImageList()) {
    def name = caseNames(entry).find { new File(folder, it + '.geojson').isFile() }
    if (name == null) {
        println "${entry.getImageName()}: no GeoJSON in ${folder}"
        continue
    }
    try {
        def objects = PathIO.readObjects(new File(folder, name + '.geojson'))
        def classes = objects.collect { it.getPathClass() } as Set
        // The image in the viewer is changed there, so that saving it later loses nothing.
        def imageData = entry == openEntry ? open : entry.readImageData()
        def hierarchy = imageData.getHierarchy()
        // radiofib's ids are UUIDs of version 5, QuPath's own are of version 4.
        def old = hierarchy.getAllObjects(false).findAll {
            it.getID().version() == 5 || (replaceDrawn && classes.contains(it.getPathClass()))
        }
        if (old) {
            replaced.mkdirs()
            def copy = new File(replaced, "${name}-${System.currentTimeMillis()}.geojson")
            PathIO.exportObjectsAsGeoJSON(copy, old, PathIO.GeoJsonExportOptions.FEATURE_COLLECTION)
            hierarchy.removeObjects(old, true)
        }
        hierarchy.addObjects(objects)
        entry.saveImageData(imageData)
        if (entry != openEntry)
            imageData instanceof AutoCloseable ? imageData.close() : imageData.getServer().close()
        println "${entry.getImageName()}: ${objects.size()} objects in, ${old.size()} replaced"
        done++
    } catch (Exception e) {
        println "${entry.getImageName()}: ${e}"
    }
}
println "${done} of ${project.getImageList().size()} images"

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
