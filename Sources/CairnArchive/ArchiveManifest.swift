package import CairnFormat

/// What the archive holds of one segment: a JSON object. It is written when all that it names is there and has the
/// SHA-256 that it states.
package struct ArchiveManifest: Sendable, Equatable {
    /// Bytes of a manifest at most: 1,024 modules, and the redacted events of a segment.
    package static let sizeLimit = 1 << 20

    package struct Object: Sendable, Equatable {
        package var key: String
        package var size: UInt64
        package var sha256: Digest
    }

    package var seal: Seal
    /// Nil for a segment that was pruned before it came to the archive: only its seal is there.
    package var data: Object?
    package var index: Object?
    package var sealObject: Object
    /// How often the segment was put there anew because events of it were redacted.
    package var generation = 0
    /// Objects of earlier generations that are still to be removed, as they hold what was redacted.
    package var superseded: [String] = []

    package init(seal: Seal, data: Object?, index: Object?, sealObject: Object) {
        self.seal = seal
        self.data = data
        self.index = index
        self.sealObject = sealObject
    }

    // MARK: - JSON

    package var encoded: [UInt8] {
        var output: [UInt8] = []
        func name(_ name: StaticString) {
            output.append(text: output.isEmpty ? "{\"" : ",\"")
            output.append(text: name)
            output.append(text: "\":")
        }
        func member(_ member: StaticString, _ text: String) {
            name(member)
            output.append(jsonString: text.utf8)
        }
        func member(_ member: StaticString, _ number: UInt64) {
            name(member)
            output.append(decimal: number)
        }
        member("version", 1)
        member("log", seal.origin.name)
        member("segment", seal.number)
        member("first_seq", seal.firstSequence)
        member("last_seq", seal.endSequence - (seal.count > 0 ? 1 : 0))
        member("events", seal.count)
        member("first_received", "\(seal.received.lowerBound)")
        member("last_received", "\(seal.received.upperBound)")
        member("min_time", "\(seal.time.lowerBound)")
        member("max_time", "\(seal.time.upperBound)")
        for (part, object) in [("data", data), ("index", index), ("seal", sealObject)] as [(StaticString, Object?)] {
            guard let object else { continue }
            name(part)
            output.append(contentsOf: object.encoded)
        }
        member("generation", UInt64(generation))
        name("superseded")
        output.append(UInt8(ascii: "["))
        for (place, key) in superseded.enumerated() {
            if place > 0 { output.append(UInt8(ascii: ",")) }
            output.append(jsonString: key.utf8)
        }
        output.append(UInt8(ascii: "]"))
        member("seal_text", seal.text)
        output.append(text: "}\n")
        return output
    }

    /// - Throws: `invalid` for anything that is not a manifest of this version.
    package init(_ bytes: [UInt8], key: String) throws(ArchiveError) {
        let padded = bytes + [UInt8](repeating: 0, count: JSONParser.padding)
        let manifest = padded.withUnsafeBytes { padded -> ArchiveManifest? in
            guard let parser = try? JSONParser(),
                let tape = try? parser.parse(UnsafeRawBufferPointer(rebasing: padded[..<bytes.count]))
            else { return nil }
            return ArchiveManifest(tape)
        }
        guard let manifest else {
            throw ArchiveError(
                .invalid, "this is no manifest that this program knows: was it written by a later version?", key: key)
        }
        self = manifest
    }

    private init?(_ tape: JSONTape) {
        func text(_ name: StaticString) -> String? {
            tape.member(name, of: 1).flatMap { tape.kind($0) == .string ? $0 : nil }
                .map { String(decoding: tape.string($0), as: UTF8.self) }
        }
        func number(_ name: StaticString) -> UInt64? { tape.member(name, of: 1).flatMap(tape.integer) }
        func object(_ name: StaticString) -> Object? {
            tape.member(name, of: 1).flatMap { Object(tape, at: $0) }
        }
        guard number("version") == 1, let seal = text("seal_text").flatMap({ try? Seal(text: $0) }),
            let sealObject = object("seal"),
            let generation = number("generation").flatMap(Int.init(exactly:)),
            let list = tape.member("superseded", of: 1), tape.kind(list) == .array
        else { return nil }
        let (data, index) = (object("data"), object("index"))
        guard (tape.member("data", of: 1) == nil) == (data == nil),
            (tape.member("index", of: 1) == nil) == (index == nil)
        else { return nil }
        self.init(seal: seal, data: data, index: index, sealObject: sealObject)
        self.generation = generation
        var place = list + 1
        while tape.kind(place) == .string {
            superseded.append(String(decoding: tape.string(place), as: UTF8.self))
            place += 1
        }
        guard tape.kind(place) == .arrayEnd else { return nil }
    }
}

extension ArchiveManifest.Object {
    fileprivate var encoded: [UInt8] {
        var output: [UInt8] = []
        output.append(text: "{\"key\":")
        output.append(jsonString: key.utf8)
        output.append(text: ",\"bytes\":")
        output.append(decimal: size)
        output.append(text: ",\"sha256\":\"")
        output.append(contentsOf: Hex.encode(sha256.bytes).utf8)
        output.append(text: "\"}")
        return output
    }

    fileprivate init?(_ tape: JSONTape, at place: Int) {
        guard let key = tape.member("key", of: place), tape.kind(key) == .string,
            let size = tape.member("bytes", of: place).flatMap(tape.integer),
            let hash = tape.member("sha256", of: place), tape.kind(hash) == .string,
            let bytes = Hex.decode(String(decoding: tape.string(hash), as: UTF8.self)), bytes.count == 32
        else { return nil }
        self.key = String(decoding: tape.string(key), as: UTF8.self)
        self.size = size
        sha256 = bytes.withUnsafeBytes { Digest($0) }
    }
}
