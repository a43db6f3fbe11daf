import Glibc

/// A file anywhere, by a path from a command line or a setting.
package enum FilePlace {
    /// The directory of a file, and its name there.
    package static func open(_ path: String) throws(IOFailure) -> (files: PosixFileSystem, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (try PosixFileSystem(root: "."), path) }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return (try PosixFileSystem(root: directory), String(path[path.index(after: slash)...]))
    }

    /// The contents of a small file that must be there.
    package static func contents(_ path: String, limit: Int) throws(IOFailure) -> [UInt8] {
        let (files, name) = try open(path)
        guard let bytes = try files.contents(name, limit: limit) else {
            throw IOFailure(operation: "open", path: path, code: ENOENT)
        }
        return bytes
    }
}
