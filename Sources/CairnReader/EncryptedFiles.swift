import CairnFormat
import CairnPlatform
import Synchronization

/// The files of a log as if none was encrypted: where a part of a segment is there only as an age file, that is
/// decrypted while it is read, a chunk at a time. Format.md, "Encryption at rest", is the norm.
///
/// Paths are those of the plain parts; names are listed as they are.
final class EncryptedFiles: ReadableFileSystem {
    let stored: any ReadableFileSystem
    let identities: [AgeIdentity]

    init(_ stored: any ReadableFileSystem, _ identities: [AgeIdentity]) {
        self.stored = stored
        self.identities = identities
    }

    func list(_ directory: String) throws(IOFailure) -> [String] { try stored.list(directory) }

    /// The size is that of the plaintext, and told without an identity; of a file that is no whole age file it is that
    /// of the file: to open it says what is wrong.
    func status(_ path: String) throws(IOFailure) -> FileStatus? {
        if let status = try stored.status(path) { return status }
        guard let encrypted = Self.encrypted(path), var status = try stored.status(encrypted) else { return nil }
        let file = try stored.openForReading(encrypted)
        if let (_, layout) = try? Self.layout(of: file, path: encrypted) { status.size = layout.plaintextSize }
        return status
    }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        do throws(IOFailure) {
            return try stored.openForReading(path)
        } catch {
            guard error.isMissing, let encrypted = Self.encrypted(path) else { throw error }
            let file: any ReadableFile
            do throws(IOFailure) {
                file = try stored.openForReading(encrypted)
            } catch let second {
                // What was asked for is what is missing.
                throw second.isMissing ? error : second
            }
            return try decrypt(file, encrypted)
        }
    }

    private func decrypt(_ file: any ReadableFile, _ path: String) throws(IOFailure) -> any ReadableFile {
        let (header, layout) = try Self.layout(of: file, path: path)
        let opened: AgePayload? = try Self.checking(path) { () throws(FormatError) in
            guard let key = try header.unwrap(with: identities) else { return nil }
            let nonce = try Self.bytes(file, layout.nonce, path)
            let last = try Self.bytes(file, layout.ciphertext(ofChunk: layout.lastChunk), path)
            return try nonce.span.withUnsafeBytes { (nonce) throws(FormatError) in
                try last.span.withUnsafeBytes { (last) throws(FormatError) in
                    try AgePayload(layout, fileKey: key, nonce: nonce, lastChunk: last)
                }
            }
        }
        guard let opened else { throw IOFailure.noIdentity(path, triesSome: !identities.isEmpty) }
        return DecryptedFile(file, opened, path: path)
    }

    /// Whether a file is whole as an age file, as far as that can be told without an identity.
    static func check(_ file: any ReadableFile, path: String) throws(IOFailure) {
        _ = try layout(of: file, path: path)
    }

    private static func layout(
        of file: any ReadableFile, path: String
    ) throws(IOFailure) -> (AgeHeader, AgeLayout) {
        let size = try file.size()
        let start = try [UInt8](unsafeUninitializedCapacity: Limits.ageHeader) { (buffer, count) throws(IOFailure) in
            count = try file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
        }
        return try checking(path) { () throws(FormatError) in
            let header = try start.span.withUnsafeBytes { (bytes) throws(FormatError) in try AgeHeader(bytes) }
            return (header, try AgeLayout(headerSize: header.size, fileSize: size))
        }
    }

    /// Those that the layout says are there.
    private static func bytes(
        _ file: any ReadableFile, _ range: Range<UInt64>, _ path: String
    ) throws(FormatError) -> [UInt8] {
        do throws(IOFailure) {
            return try [UInt8](unsafeUninitializedCapacity: range.count) { (buffer, count) throws(IOFailure) in
                let wanted = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
                count = try file.read(at: range.lowerBound, into: wanted)
            }
        } catch {
            throw FormatError(.truncated, "it could not be read: \(error)", at: range.lowerBound)
        }
    }

    fileprivate static func checking<R>(_ path: String, _ body: () throws(FormatError) -> R) throws(IOFailure) -> R {
        do throws(FormatError) {
            return try body()
        } catch {
            throw IOFailure.damagedEncryption(path, error)
        }
    }

    /// The name of a segment's part as an age file; nil for what is never encrypted.
    static func encrypted(_ path: String) -> String? {
        let prefix = FileNames.segments + "/"
        guard path.hasPrefix(prefix), let (_, part) = FileNames.parse(String(path.dropFirst(prefix.count))) else {
            return nil
        }
        return [.data, .index, .nextIndex].contains(part) ? path + FileNames.encrypted : nil
    }
}

/// An age file, read as its plaintext. It remembers one chunk: those who read go forward.
private final class DecryptedFile: ReadableFile {
    private let file: any ReadableFile
    private let payload: AgePayload
    private let path: String

    private struct Chunk {
        var number: UInt64?
        var plaintext = [UInt8](repeating: 0, count: Int(AgeLayout.chunkSize))
    }

    private let chunk = Mutex(Chunk())

    init(_ file: any ReadableFile, _ payload: AgePayload, path: String) {
        self.file = file
        self.payload = payload
        self.path = path
    }

    var identity: FileIdentity { file.identity }

    func size() throws(IOFailure) -> UInt64 { payload.layout.plaintextSize }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        let end = min(payload.layout.plaintextSize, offset.addingReportingOverflow(UInt64(buffer.count)).partialValue)
        guard offset < end else { return 0 }
        return try chunk.withLock { (chunk: inout Chunk) throws(IOFailure) in
            var done = 0
            for number in payload.layout.chunks(covering: offset..<end) {
                if chunk.number != number { try load(number, into: &chunk) }
                let place = payload.layout.plaintext(ofChunk: number)
                let from = Int(max(offset, place.lowerBound) - place.lowerBound)
                let until = Int(min(end, place.upperBound) - place.lowerBound)
                chunk.plaintext.withUnsafeBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[from..<until]))
                }
                done += until - from
            }
            return done
        }
    }

    private func load(_ number: UInt64, into chunk: inout Chunk) throws(IOFailure) {
        let place = payload.layout.ciphertext(ofChunk: number)
        chunk.number = nil
        let sealed = try [UInt8](unsafeUninitializedCapacity: place.count) { (buffer, count) throws(IOFailure) in
            let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<place.count])
            count = try file.read(at: place.lowerBound, into: room)
        }
        let (payload, path) = (payload, path)
        var plaintext = chunk.plaintext.mutableSpan
        _ = try plaintext.withUnsafeMutableBytes { (output) throws(IOFailure) in
            try EncryptedFiles.checking(path) { () throws(FormatError) in
                try sealed.span.withUnsafeBytes { (sealed) throws(FormatError) in
                    try payload.decrypt(chunk: number, sealed, into: output)
                }
            }
        }
        chunk.number = number
    }
}

extension IOFailure {
    private static let decryption = "decrypt"
    /// EBADMSG, ENOKEY (errno(3)).
    private static let (badMessage, noKey): (Int32, Int32) = (74, 126)

    /// The bytes of an age file are not what was written.
    fileprivate static func damagedEncryption(_ path: String, _ error: FormatError) -> IOFailure {
        var failure = IOFailure(operation: decryption, path: path, code: badMessage)
        failure.explanation = "\(path): \(error.description)"
        return failure
    }

    /// No identity opens an age file.
    fileprivate static func noIdentity(_ path: String, triesSome: Bool) -> IOFailure {
        var failure = IOFailure(operation: decryption, path: path, code: noKey)
        failure.explanation =
            triesSome
            ? "\(path): it is encrypted, and for none of the identities that were given: name the file of another"
            : "\(path): it is encrypted: name the file of an identity that can decrypt it, with --identity"
        return failure
    }

    var isDamagedEncryption: Bool { operation == IOFailure.decryption && code == IOFailure.badMessage }
    var isWithoutIdentity: Bool { operation == IOFailure.decryption && code == IOFailure.noKey }
}
