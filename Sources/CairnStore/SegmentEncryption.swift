internal import CairnFormat
internal import CairnPlatform
internal import CairnReader

/// Encrypts data and index of a sealed segment, byte for byte, for recipients whose identities are elsewhere: what the
/// host writes it cannot read any more. Format.md, "Encryption at rest", is the norm.
///
/// The steps, each durable before the next: the encrypted data, whole, under its name; the encrypted index; the plain
/// data goes; the plain index goes. Readers take the plain file as long as it is there, so there is no moment without a
/// good one. After a crash ``finish(_:)`` goes on where the names say that it stopped.
struct SegmentEncryption {
    private let files: any FileSystem
    private let recipients: [AgeRecipient]
    private let entropy: any EntropySource

    init(_ files: any FileSystem, for recipients: [AgeRecipient], entropy: any EntropySource) {
        self.files = files
        self.recipients = recipients
        self.entropy = entropy
    }

    /// Encrypts what of a segment is plain.
    func run(_ first: UInt64) throws(StoreError) {
        do throws(ReadError) {
            for part in [FileNames.Part.data, .index] { try encrypt(FileNames.segment(first, part)) }
            let files = files
            try accessing { () throws(IOFailure) in try Self.removePlain(files, first) }
        } catch {
            throw StoreError(error)
        }
    }

    private func encrypt(_ path: String) throws(ReadError) {
        let (files, recipients, entropy) = (files, recipients, entropy)
        let source = try accessing { () throws(IOFailure) -> (any ReadableFile)? in
            try files.status(path) == nil ? nil : try files.openForReading(path)
        }
        // The index of a segment that was sealed for damage.
        guard let source else { return }
        let temporary = path + FileNames.encrypted + ".tmp"
        let encryption = try reading(path) { () throws(FormatError) in
            try AgeEncryption(to: recipients) { entropy.bytes($0) }
        }
        let created = try accessing { () throws(IOFailure) in
            if try files.status(temporary) != nil { try files.remove(temporary) }
            return try files.create(temporary, mode: 0o640)
        }
        let file = try EncryptedAppendFile(created, encryption)
        try accessing { () throws(IOFailure) in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
            defer { buffer.deallocate() }
            var offset: UInt64 = 0
            while true {
                let count = try source.read(at: offset, into: buffer)
                if count == 0 { break }
                try file.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                offset += UInt64(count)
            }
            try file.sync()
            try file.close()
            try files.rename(temporary, to: path + FileNames.encrypted)
            try files.syncDirectory(FileNames.segments)
        }
    }

    /// The data first: its encrypted form is read with the encrypted index or the plain one, which hold the same.
    private static func removePlain(_ files: any FileSystem, _ first: UInt64) throws(IOFailure) {
        for part in [FileNames.Part.data, .index] {
            let path = FileNames.segment(first, part)
            guard try files.status(path) != nil, try files.status(path + FileNames.encrypted) != nil else { continue }
            try files.remove(path)
            try files.syncDirectory(FileNames.segments)
        }
        // Recovery keeps files as they were beside the segment: they hold the same in plain.
        try files.removeRecoveryCopies(of: first)
    }

    /// Brings every encryption to its end that a crash or a failure has cut off, or takes it back: afterwards no part
    /// of a segment is there twice.
    static func finish(_ files: any FileSystem) throws(StoreError) {
        do throws(IOFailure) {
            let names = Set(try files.list(FileNames.segments))
            for name in names.sorted() {
                guard let (first, part) = FileNames.parse(name), part == .data else { continue }
                // Where the plain data is, it counts: the rest is done again.
                for part in [FileNames.Part.encryptedIndex, .encryptedData] {
                    let path = FileNames.segment(first, part)
                    guard names.contains(String(path.dropFirst(FileNames.segments.utf8.count + 1))) else { continue }
                    try files.remove(path)
                    try files.syncDirectory(FileNames.segments)
                }
            }
            for name in names.sorted() {
                guard let (first, part) = FileNames.parse(name), part == .encryptedData,
                    try files.status(FileNames.segment(first, .data)) == nil
                else { continue }
                try removePlain(files, first)
            }
        } catch {
            throw StoreError(error)
        }
    }
}
