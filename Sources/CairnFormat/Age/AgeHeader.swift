internal import Crypto

extension Limits {
    /// Bytes of the header of an age file: more than 600 recipients, and a reader's first read.
    package static let ageHeader = 64 << 10
}

/// The text at the start of an age file, which wraps the file key (C2SP age, "Header").
package struct AgeHeader: Sendable, Equatable {
    static let versionPrefix = "age-encryption.org/"
    private static let version = "v1"
    private static let end = "---"
    /// Characters of a word of the header that a message repeats: enough to know it by.
    private static let shown = 40

    /// In the order of the file; at least one.
    package let stanzas: [AgeStanza]
    /// Bytes of the header with its last LF: offset of the payload.
    package let size: Int
    /// What the MAC is of: the header up to its last three dashes.
    private let authenticated: [UInt8]
    private let mac: [UInt8]

    /// Parses the header at the start of `bytes`: the first `Limits.ageHeader` bytes of a file, or all of it if it has
    /// less. Whether the MAC is right, only `unwrap(with:)` can tell.
    ///
    /// Throws `truncated` if the file ends in its header; `unsupported` for other versions, ASCII armor and headers
    /// above the limit; `malformed` for what the specification forbids.
    package init(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
        var lines = AgeHeaderLines(bytes)
        let version = try lines.version()
        guard version == AgeHeader.version else {
            throw FormatError(
                .unsupported, "version \"\(version.prefix(AgeHeader.shown))\" of the age format; this program knows v1")
        }
        var stanzas: [AgeStanza] = []
        while true {
            let start = lines.offset
            let words = try lines.next().split(separator: " ", omittingEmptySubsequences: false)
            if words.first == AgeStanza.start[...] {
                let arguments = words.dropFirst()
                guard !arguments.isEmpty, arguments.allSatisfy({ !$0.isEmpty }) else {
                    throw FormatError(.malformed, "a stanza with an empty argument, or none", at: UInt64(start))
                }
                stanzas.append(AgeStanza(arguments: arguments.map(String.init), body: try lines.body()))
                continue
            }
            guard words.count == 2, words[0] == AgeHeader.end, !stanzas.isEmpty,
                let mac = Base64.decodeUnpadded(words[1]), mac.count == SHA256.byteCount
            else {
                throw FormatError(.malformed, "neither a stanza nor the end of an age header", at: UInt64(start))
            }
            self.stanzas = stanzas
            self.mac = mac
            size = lines.offset
            authenticated = Array(bytes[..<(start + AgeHeader.end.utf8.count)])
            return
        }
    }

    /// The bytes of a header with these stanzas, of which there is at least one.
    package static func encode(_ stanzas: [AgeStanza], fileKey: AgeFileKey) -> [UInt8] {
        var header = Array((versionPrefix + version + "\n").utf8)
        for stanza in stanzas { stanza.append(to: &header) }
        header.append(contentsOf: end.utf8)
        let mac = Array(HMAC<SHA256>.authenticationCode(for: header, using: fileKey.headerKey))
        header.append(contentsOf: " \(Base64.encodeUnpadded(mac))\n".utf8)
        return header
    }

    /// The file key, by the first stanza that one of `identities` opens; nil if there is none such. A stanza does not
    /// say for whom it is, so that a foreign one and a damaged one are the same here. Stanzas of unknown types are
    /// passed over.
    ///
    /// Throws `unsupported` if no stanza is of X25519 (passphrases, plugins and SSH keys are not supported);
    /// `malformed` if one breaks the rules of its type; `mismatch` if the header was changed after it was written.
    package func unwrap(with identities: [AgeIdentity]) throws(FormatError) -> AgeFileKey? {
        for stanza in try addressed() {
            for identity in identities {
                guard let fileKey = try stanza.unwrap(identity) else { continue }
                guard
                    HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: authenticated, using: fileKey.headerKey)
                else {
                    throw FormatError(.mismatch, "the header's MAC is not that of its text: the age header was changed")
                }
                return fileKey
            }
        }
        return nil
    }

    /// The stanzas that an identity can open. The form of all is checked before any is tried.
    private func addressed() throws(FormatError) -> [X25519Stanza] {
        if stanzas.contains(where: { $0.arguments.first == "scrypt" }) {
            guard stanzas.count == 1 else {
                throw FormatError(.malformed, "a stanza of type scrypt stands beside another, which age forbids")
            }
            throw FormatError(
                .unsupported, "encrypted with a passphrase (scrypt), which is not supported; decrypt it with age")
        }
        var addressed: [X25519Stanza] = []
        for stanza in stanzas {
            if let known = try X25519Stanza(stanza) { addressed.append(known) }
        }
        guard !addressed.isEmpty else {
            let types = Set(stanzas.compactMap { $0.arguments.first?.prefix(AgeHeader.shown) }).sorted().prefix(5)
            let named = types.joined(separator: ", ")
            throw FormatError(
                .unsupported, "no recipient is of type X25519, only of \(named); decrypt it with age and its plugins")
        }
        return addressed
    }
}

/// The lines of a header, one after the other.
private struct AgeHeaderLines {
    private let bytes: UnsafeRawBufferPointer
    /// Of the next line.
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(Limits.ageHeader))
    }

    /// The next line without its LF: visible ASCII and blanks.
    mutating func next() throws(FormatError) -> String {
        let rest = bytes[offset...]
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
            guard bytes.count < Limits.ageHeader else {
                throw FormatError(.unsupported, "an age header of more than \(Limits.ageHeader) bytes")
            }
            throw FormatError(.truncated, "the file ends in its age header", at: UInt64(bytes.count))
        }
        let line = rest[..<end]
        guard line.allSatisfy({ (32...126).contains($0) }) else {
            throw FormatError(.malformed, "the age header is not ASCII text in lines of LF", at: UInt64(offset))
        }
        offset = end + 1
        return String(decoding: line, as: UTF8.self)
    }

    /// The version that the first line names.
    mutating func version() throws(FormatError) -> String {
        let prefix = Array(AgeHeader.versionPrefix.utf8)
        guard bytes.prefix(prefix.count).elementsEqual(prefix.prefix(bytes.count)) else {
            if bytes.starts(with: "-----BEGIN AGE ENCRYPTED FILE-----".utf8) {
                throw FormatError(.unsupported, "an age file in ASCII armor, which is not supported; store it binary")
            }
            throw FormatError(.malformed, "not an age file: it does not begin with \(AgeHeader.versionPrefix)", at: 0)
        }
        let version = try next().dropFirst(prefix.count)
        guard !version.isEmpty, !version.contains(" ") else {
            throw FormatError(.malformed, "the first line of the age header names no version", at: 0)
        }
        return String(version)
    }

    /// The body of a stanza.
    mutating func body() throws(FormatError) -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let start = offset
            let line = try next()
            guard line.utf8.count <= AgeStanza.columns, let part = Base64.decodeUnpadded(line) else {
                throw FormatError(
                    .malformed, "not a line of a stanza: up to \(AgeStanza.columns) characters of unpadded base64",
                    at: UInt64(start))
            }
            body.append(contentsOf: part)
            if line.utf8.count < AgeStanza.columns { return body }
        }
    }
}
