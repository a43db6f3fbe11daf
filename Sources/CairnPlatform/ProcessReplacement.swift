import Glibc

/// Another program in the place of this process (execve(2)).
package enum ProcessReplacement {
    /// Goes on as the program of that name in the directory of this one, with the same arguments and environment.
    /// Standard streams and other descriptors that are not marked close-on-exec go with it.
    ///
    /// - Throws: why it could not be started; nothing has changed then.
    package static func replace(byNeighbour name: String) throws(IOFailure) -> Never {
        let path = try directory() + "/" + name
        // The name by which it was called stays: messages and help tell of that one.
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv(path, arguments)
        let code = errno
        for argument in arguments { free(argument) }
        throw IOFailure(operation: "execute", path: path, code: code)
    }

    /// Where this program is, whatever it was called and from where.
    private static func directory() throws(IOFailure) -> String {
        let link = "/proc/self/exe"
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &path, path.count)
        guard count > 0, let slash = path[..<count].lastIndex(of: CChar(0x2F)) else {
            throw IOFailure(operation: "readlink", path: link, code: errno)
        }
        return String(decoding: path[..<slash].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
