import CairnFormat
import CairnPlatform

/// Finds the files below a directory in the order of their whole paths by bytes, as S3 lists keys. It looks only into
/// directories that can hold something that is wanted, and holds the names of one directory at each depth.
struct DirectoryWalk {
    private let files: any FileSystem
    private let prefix: String
    private let after: String?
    private let limit: Int
    private var found: [ListedObject] = []

    init(_ files: any FileSystem, prefix: String, after: String?, limit: Int) {
        (self.files, self.prefix, self.after, self.limit) = (files, prefix, after, limit)
    }

    mutating func page() throws(ArchiveError) -> ObjectPage {
        try visit("", depth: 1)
        // One more than wanted was looked for, to know whether there is one.
        guard found.count > limit else { return ObjectPage(objects: found, next: nil) }
        found.removeLast()
        return ObjectPage(objects: found, next: found.last.map { .after($0.key) })
    }

    private struct Entry {
        let path: String
        let status: FileStatus

        /// A directory stands where its contents stand: `a/x` comes after `a-x`, though `a` comes before.
        var place: String { status.isDirectory ? path + "/" : path }
    }

    private mutating func visit(_ directory: String, depth: Int) throws(ArchiveError) {
        for entry in try entries(of: directory) {
            guard found.count <= limit else { return }
            if entry.status.isDirectory {
                if depth < ObjectKey.parts { try visit(entry.path, depth: depth + 1) }
            } else if ObjectKey.hasPrefix(entry.path, prefix), isWanted(entry.path) {
                let modified = Time(nanoseconds: entry.status.modified)
                found.append(ListedObject(key: entry.path, size: entry.status.size, modified: modified))
            }
        }
    }

    /// What is in a directory and may lead to a wanted key, in order.
    private func entries(of directory: String) throws(ArchiveError) -> [Entry] {
        let names: [String]
        do throws(IOFailure) {
            names = try files.list(directory)
        } catch {
            // Somebody removed it meanwhile.
            if error.isMissing { return [] }
            throw ArchiveError(error)
        }
        var entries: [Entry] = []
        for name in names where !(directory.isEmpty && name == DirectoryStorage.uploads) {
            let path = directory.isEmpty ? name : "\(directory)/\(name)"
            guard mayLeadToWanted(path) else { continue }
            guard let status = try storing(path, { () throws(IOFailure) in try files.status(path) }) else { continue }
            entries.append(Entry(path: path, status: status))
        }
        return entries.sorted { ObjectKey.precedes($0.place, $1.place) }
    }

    private func isWanted(_ key: String) -> Bool {
        guard let after else { return true }
        return ObjectKey.precedes(after, key)
    }

    /// False where neither the path nor any path below it can be a wanted key. Spares the look at what it is.
    private func mayLeadToWanted(_ path: String) -> Bool {
        guard ObjectKey.hasPrefix(path, prefix) || ObjectKey.hasPrefix(prefix, path) else { return false }
        guard let after else { return true }
        return ObjectKey.precedes(after, path) || ObjectKey.hasPrefix(after, path)
    }
}
