package import CairnFormat

/// Inputs to begin with, made by the encoders; a fuzzer finds the rest.
package struct Seed {
    package var name: String
    package var bytes: [UInt8]

    init(_ name: String, _ bytes: some Sequence<UInt8>) {
        self.name = name
        self.bytes = Array(bytes)
    }

    init(_ name: String, _ text: String) { self.init(name, text.utf8) }

    /// Files with the numbers of the texts as names.
    static func numbered(_ texts: [String]) -> [Seed] {
        texts.enumerated().map { Seed(String($0.offset), $0.element) }
    }
}

extension FuzzTarget {
    package func seeds() throws(FormatError) -> [Seed] {
        switch self {
        case .line: Seed.numbered(SeedText.lines)
        case .stream: [Seed("lines", [40, 7] + Array("one\n\ntwo\r\n\(SeedText.lines[0])\nlast".utf8))]
        case .stored: try SeedLog().storedLines
        case .member: try SeedLog().members
        case .deflate: try SeedLog.streams()
        case .segment: try SeedLog().segments
        case .index: try SeedLog().indexes
        case .note: try SeedLog().notes
        case .statement: try SeedLog().statements
        case .key: try SeedLog.keys()
        case .proof:
            [1, 2, 7, 8, 33, 69].map { count in Seed("\(count)", [count, 5, 6, 1] + Array(0..<76)) }
        case .evidence: try SeedProof.evidence()
        case .answer: try SeedProof.answers()
        case .age: try SeedAge.files()
        case .identity: try SeedAge.identities()
        case .protocol: Seed.numbered(SeedText.protocolLines)
        case .control:
            Seed.numbered(SeedText.requests)
        case .filter: Seed.numbered(SeedText.filters.map { "\($0)\n\(SeedText.lines[1])\n\(SeedText.lines[2])" })
        case .time: Seed.numbered(SeedText.times)
        case .address:
            Seed.numbered(SeedText.addresses)
        }
    }
}

private enum SeedText {
    static let lines = [
        #"{"action":"login","module":"authentication"}"#,
        """
        {"action":"login","module":"authentication","timestamp":"2026-11-21T08:39:12.1+01:00","id":"01",\
        "status":"success","severity":"low","actor":{"type":"user","id":"user-7","name":"N","email":"u@example.com",\
        "roles":["a","b"]},"ip_address":"192.0.2.7","session_id":"s1","tenant":"acme","user_agent":"x",\
        "target":{"type":"report","id":"5","name":"r"},"details":"größe \\ud83d\\ude00"}
        """,
        """
         {"action":"export","module":"Reporting","severity":"urgent","sensitive":true,"classification":"PUBLIC",\
        "compliance":["a"],"changes":{"x":{"old":1,"new":2.5e3}},"request":{"password":"p","q":[{"Token":[1,{}]}]},\
        "metadata":{},"details":{"n":-0.0,"big":1e999,"long":123456789012345678901234567890,"f":[false,null]}}\r
        """,
        #"{"action":"a","module":"m","actor":{"id":1,"id":2}}"#,
        #"{"action":"a","module":"m","_seq":1}"#, #"{"action":"a"}"#, #"{"\u0061ction":"a","module":null}"#,
        #"[[[{"a":[]}]]]"#, #""\ud800\u0041""#, "not JSON", "  ", "-01.5e+", "nul",
    ]

    static let protocolLines = [
        #"{"_hello":{"ack":true}}"#, #"{"_hello":{"ack":true,"receipts":true,"later":{"x":[1]}}}"#,
        #"{"_sync":"token"}"#, #"{"_sync" : "\u00e9\n\"\\" }"#, #"{"_hello":true}"#, #"{"_sync":"a","x":1}"#,
    ]

    static let requests = [
        #"{"command":"status"}"#, #"{ "x":[1,{}], "command" : "r\u006ftate" }"#, #"{"command":1}"#,
    ]

    static let addresses = [
        "192.0.2.7", "::", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.7", "1::8", "010.0.0.1",
    ]

    static let filters = [
        "module=authentication status=failed", "not actor.id=\"user-7\" \"größe\"", "details.n<=42 severity!=low",
        "ip_address=192.0.2.0/24", "metadata.\"a.b\"=null", "timestamp>=2026-11-21T07:39:12Z word", "x or y", "a=(b)",
    ]

    static let times = [
        "2026-11-21T07:39:12.5+01:00", "2026-11-21 07:00", "2026-11-21", "now", "today", "-1h 30min", "2d ago",
        "@1795250352.5", "2262-04-11T23:47:16.854775807Z", "1677-09-21T00:12:43.145224192Z", "2016-12-31t23:59:60z",
    ]
}

/// A log of two segments as a writer makes it.
private struct SeedLog {
    private let first: EventStorage.Stored
    private let second: EventStorage.Stored
    private let sealFile: [UInt8]

    init() throws(FormatError) {
        let parser = try EventParser(sanitizer: Sanitizer(names: ["password"]))
        func batch(_ lines: some Sequence<String>) -> EventBatch {
            var batch = EventBatch()
            for line in lines {
                let bytes = Array(line.utf8) + [UInt8](repeating: 0, count: JSONParser.padding)
                bytes.withUnsafeBytes { padded in
                    let line = UnsafeRawBufferPointer(rebasing: padded[..<(padded.count - JSONParser.padding)])
                    _ = parser.parse(.whole(line), uid: Fixture.uid, into: &batch)
                }
            }
            return batch
        }
        first = try EventStorage().store(batch(SeedText.lines))
        sealFile = try Fixture.signer(1).sign(first.seal.text)
        let header = try Fixture.header(number: 1, first: first.seal.endSequence)
        second = try EventStorage(header: header).store(batch(SeedText.lines.prefix(2)))
    }

    var storedLines: [Seed] {
        get throws(FormatError) {
            var seeds: [Seed] = []
            for (number, text) in SeedText.lines.enumerated() {
                let parser = try EventParser()
                var batch = EventBatch()
                parser.append(own: Array(text.utf8), to: &batch)
                guard !batch.isEmpty else { continue }
                let stored = try EventStorage().store(batch)
                seeds.append(Seed("\(number)", try SeedLog.lines(stored)))
            }
            return seeds
        }
    }

    var members: [Seed] {
        [
            Seed("header", first.header.encoded()), Seed("block", first.members), Seed("footer", first.footer),
            Seed("small-block", second.members),
        ]
    }

    var segments: [Seed] {
        [
            Seed("sealed", first.file), Seed("active", second.header.encoded() + second.members),
            Seed("torn", first.file.dropLast(150)),
        ]
    }

    var indexes: [Seed] { [Seed("first", first.index), Seed("second", second.index)] }

    var statements: [Seed] { get throws(FormatError) { try texts.map { Seed($0.0, $0.1) } } }

    var notes: [Seed] {
        get throws(FormatError) {
            var seeds: [Seed] = []
            for (name, text) in try texts { seeds.append(Seed(name, try Fixture.signer(1).sign(text))) }
            let other = try Fixture.signer(2).sign(try texts[0].1)
            let signature = other.split(separator: 0x0A).last ?? []
            return seeds + [Seed("two-signatures", seeds[0].bytes + signature + [0x0A])]
        }
    }

    private var texts: [(String, String)] {
        get throws(FormatError) {
            let (origin, key) = (try Fixture.origin(), try Fixture.signer(1).verifier)
            return [
                ("seal", first.seal.text),
                (
                    "origin",
                    OriginStatement(origin: origin, created: Fixture.time, genesisKey: key, logKey: key).text
                ),
                (
                    "head",
                    Head(
                        origin: origin, number: 1, firstSequence: second.header.firstSequence, count: 2,
                        root: second.seal.root, time: Fixture.time
                    ).text
                ),
                ("checkpoint", Checkpoint(origin: origin, size: 1, root: MerkleTree.leaf(sealFile)).text),
            ]
        }
    }

    static func keys() throws(FormatError) -> [Seed] {
        let signer = try Fixture.signer(1)
        return [
            Seed("verifier", signer.verifier.description), Seed("private", signer.file), Seed("origin", Fixture.name),
            Seed(
                "witness",
                try WitnessSigner(name: "witness.example", seed: [UInt8](repeating: 4, count: 32)).verifier.description),
        ]
    }

    /// Raw deflate streams of both compressors: dynamic, fixed and stored blocks.
    static func streams() throws(FormatError) -> [Seed] {
        let text = Array(SeedText.lines.joined(separator: "\n").utf8)
        let noise = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        var seeds: [Seed] = []
        let compressions = [("isal", Compression.isal), ("zlib-1", .zlib(level: 1)), ("zlib-9", .zlib(level: 9))]
        let contents = [("text", text), ("short", Array("aaaaaaaab".utf8)), ("noise", noise), ("empty", [])]
        for (name, compression) in compressions {
            let deflater = try Deflater(compression)
            for (kind, bytes) in contents {
                var stream: [UInt8] = []
                try bytes.withBytes { bytes throws(FormatError) in
                    try deflater.deflate(bytes, appendingTo: &stream)
                }
                seeds.append(Seed("\(name)-\(kind)", stream))
            }
        }
        return seeds
    }

    private static func lines(_ stored: EventStorage.Stored) throws(FormatError) -> [UInt8] {
        var lines: [UInt8] = []
        let inflater = try Inflater()
        try stored.members.withBytes { bytes throws(FormatError) in
            let head = try Member.head(bytes)
            let block = try BlockHeader(content: UnsafeRawBufferPointer(rebasing: bytes[head.content]))
            try block.inflate(UnsafeRawBufferPointer(rebasing: bytes[head.size...]), with: inflater, into: &lines)
        }
        return lines
    }
}
