import CairnArchive
import CairnPlatform
import Glibc

/// A file of the form of `~/.aws/credentials`: INI with a section for each profile.
///
///     [default]
///     aws_access_key_id = AKIA…
///     aws_secret_access_key = …
///     region = eu-central-1                    # these two may stand here too, so that one file is enough
///     endpoint_url = https://s3.example.org
struct CredentialsFile {
    struct Profile: Equatable {
        var values: [String: String] = [:]
    }

    /// Bytes of a file at most: far more than hundreds of profiles have.
    static let limit = 256 << 10

    let path: String
    let profiles: [String: Profile]

    /// Reads a file.
    ///
    /// - Returns: nil where there is none.
    /// - Throws: `denied` where others than the owner and the group can read it, or others than the owner can change
    ///   it. A warning would be overlooked, and the keys can write what is evidence; one chmod puts it right.
    static func read(_ path: String) throws(ArchiveError) -> CredentialsFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let failure = IOFailure(operation: "open", path: path, code: errno)
            if failure.isMissing { return nil }
            throw ArchiveError(failure)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw ArchiveError(IOFailure(operation: "fstat", path: path, code: errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveError(.invalid, "\(path): credentials must be in a regular file")
        }
        guard status.st_mode & 0o027 == 0 else {
            throw ArchiveError(
                .denied, "\(path): others can read or change this file with credentials; run chmod 600 \(path)")
        }
        return CredentialsFile(path: path, try parse(try bytes(of: descriptor, path), path: path))
    }

    private init(path: String, _ profiles: [String: Profile]) { (self.path, self.profiles) = (path, profiles) }

    private static func bytes(of descriptor: Int32, _ path: String) throws(ArchiveError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count <= limit {
            let (offset, room) = (count, limit + 1 - count)
            let read = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: offset), room)
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw ArchiveError(IOFailure(operation: "read", path: path, code: errno)) }
            if read == 0 { return Array(bytes[..<count]) }
            count += read
        }
        throw ArchiveError(.tooLarge, "\(path): more than \(limit) bytes; check that it is a file of credentials")
    }

    /// - Throws: `invalid` with the number of the line, never with what stands there.
    static func parse(_ bytes: [UInt8], path: String) throws(ArchiveError) -> [String: Profile] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ArchiveError(.invalid, "\(path): not UTF-8; check that it is a file of credentials")
        }
        var profiles: [String: Profile] = [:]
        var current: String?
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let isIndented = line.first.map { $0 == " " || $0 == "\t" } ?? false
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                var name = trimmed(line[line.index(after: line.startIndex)..<end])
                // As ~/.aws/config has it.
                if name.hasPrefix("profile ") { name = trimmed(name.dropFirst("profile ".count)) }
                current = String(name)
                profiles[String(name), default: Profile()].values.merge([:]) { first, _ in first }
                continue
            }
            // Nested settings of other programs, such as `s3 =` with indented lines below it.
            if isIndented, current != nil { continue }
            guard let current, let equals = line.firstIndex(of: "=") else {
                throw ArchiveError(
                    .invalid, "\(path):\(index + 1): a section [NAME], or NAME = VALUE in one, is wanted here")
            }
            let name = trimmed(line[..<equals]).lowercased()
            profiles[current]?.values[name] = withoutComment(trimmed(line[line.index(after: equals)...]))
        }
        return profiles
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    /// A comment behind a value begins with a space before its `#` or `;`.
    private static func withoutComment(_ value: Substring) -> String {
        var previous: Character?
        for index in value.indices {
            let character = value[index]
            if character == "#" || character == ";", previous == " " || previous == "\t" {
                return String(trimmed(value[..<index]))
            }
            previous = character
        }
        return String(value)
    }
}
