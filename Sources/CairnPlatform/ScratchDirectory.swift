import Glibc

/// A directory for files that nobody needs for long.
package enum ScratchDirectory {
    /// Makes a directory of mode 0700 in `TMPDIR`, or `/tmp` (mkdtemp(3)), and returns its absolute path.
    ///
    /// - Parameter prefix: what its name begins with; six characters follow that make it unique.
    package static func create(prefix: String) throws(IOFailure) -> String {
        let parent = ProcessEnvironment.value("TMPDIR").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        let template = "\(parent)/\(prefix)XXXXXX"
        var path = Array(template.utf8CString)
        let isMade = path.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        guard isMade else { throw IOFailure(operation: "mkdtemp", path: template, code: errno) }
        return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a directory and all below it. Symbolic links are removed and not followed.
    package static func remove(_ path: String) throws(IOFailure) {
        for name in try PosixFileSystem(root: path).list("") {
            let child = "\(path)/\(name)"
            var status = stat()
            try systemCall("lstat", child) { lstat(child, &status) }
            if status.st_mode & S_IFMT == S_IFDIR {
                try remove(child)
            } else {
                try systemCall("unlink", child) { unlink(child) }
            }
        }
        try systemCall("rmdir", path) { rmdir(path) }
    }
}
