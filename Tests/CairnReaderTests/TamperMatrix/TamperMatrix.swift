import CairnFormat
import CairnReader
import Testing

/// Every way to tamper with a small log of three sealed segments and an active one, with what must come of it.
///
/// The same cases are given to the independent verifier: see `IndependentVerifier`.
struct TamperMatrix: Sendable {
    static let main = "log"
    static let name = "log.example"

    /// The logs that cases begin with or take pieces from. States of the main log as it grew are named after the segment:
    /// "1 new" just after the rotation, "1 part" with a first block, "1 full" before the next rotation.
    private(set) var logs: [String: Files] = [:]
    let shape: LogShape
    /// Genesis keys by log.
    private(set) var keys: [String: VerifierKey] = [:]
    private(set) var cases: [TamperCase] = []
    let seed: UInt64

    /// Blocks of the segments, by their numbers of events.
    private static let blocks = [[2, 1], [2], [1, 1], [2, 1]]
    static let firsts: [UInt64] = [0, 3, 5, 7]

    /// - Parameters:
    ///   - isLong: whether bytes are flipped with several masks, and more random cases are made.
    ///   - seed: of the random cases.
    init(isLong: Bool, seed: UInt64) throws {
        self.seed = seed
        var states: [String: Files] = [:]
        let log = try Self.log { state, log in states[state] = log.files.snapshot }
        shape = LogShape(log, Self.firsts)
        logs = states
        try add(Self.main, log)
        // The same keys, and another history behind the first rotation.
        try add("fork", Self.log { state, log in if state == "1 new" { log.word = "forked" } })
        try add("stranger", Self.log(seed: 7, word: "strange"))
        try add("namesake", Self.log(name: "other.example", seed: 8, word: "another"))
        try addTails()
        try addRich()
        cases += unprotectedCases(isLong: isLong) + byteCases(isLong: isLong) + cutCases()
        cases += try structureCases() + ForgedCases(self).all
        cases += randomCases(count: isLong ? 5000 : 400)
    }

    /// The log of the matrix; `mark` is called at each of its states.
    static func log(
        name: String = name, seed: UInt8 = 0, word: String = "login",
        mark: (String, SealedLogFixture) throws -> Void = { _, _ in }
    ) throws -> SealedLogFixture {
        let log = try SealedLogFixture(name: name, seed: seed)
        log.word = word
        // What a writer has beside the log itself.
        for path in [FileNames.epochKey, FileNames.logKey] { log.files.put(path, try log.key(9).file) }
        log.files.put("segments/00000000000000000000.seal.tmp", Array("cairn/se".utf8))
        for (number, sizes) in blocks.enumerated() {
            try mark("\(number) new", log)
            for (index, size) in sizes.enumerated() {
                try log.append(size)
                try log.head()
                try mark(index == sizes.count - 1 ? "\(number) full" : "\(number) part", log)
            }
            if number < blocks.count - 1 { try log.rotate() }
        }
        return log
    }

    private mutating func add(_ name: String, _ log: SealedLogFixture) throws {
        logs[name] = log.files.snapshot
        keys[name] = try log.key(0).verifier
    }

    /// Logs whose newest bytes nothing names yet.
    private mutating func addTails() throws {
        let torn = try Self.log()
        torn.files.append(torn.dataPath, try torn.block(2).prefix(150))
        try add("torn", torn)
        let unnamed = try Self.log()
        try unnamed.append(2)
        try add("unnamed", unnamed)
        let fresh = try Self.log()
        try fresh.rotate()
        try add("fresh", fresh)
        let footed = try Self.log()
        try footed.foot()
        try add("footed", footed)
    }

    /// A log with events of every kind, whose index both verifiers must make again to the byte: several spans, filters
    /// of several sizes, all statuses and severities, modules, hours, and values that are no strings.
    private mutating func addRich() throws {
        let log = try SealedLogFixture(name: Self.name)
        try log.append([
            #"{"action":"a","module":"m.1","actor":{"id":"u","email":"u@x","type":"t"},"ip_address":"::1","id":"1"}"#,
            #"{"action":5,"module":"No","actor":{"id":7,"email":null},"target":{"type":[],"id":{}},"id":null}"#,
            #"{"action":"","module":"m.1","actor":"u","target":null,"tenant":true,"session_id":"","severity":"low"}"#,
            #"{"action":"\u0061\ud83d\ude00\n","module":"m-2","status":"failed","severity":"critical","id":[1]}"#,
            #"{"action":"é","module":"m-2","status":"warning","severity":"High","timestamp":"1969-12-31T23:59:59Z"}"#,
            #"{"action":"b","module":"m-2","status":"info","severity":"medium","timestamp":"2200-01-01T00:30:00+02:00"}"#,
            #"{"action":"b","module":3,"status":7,"severity":"high","timestamp":"2026-11-21 08:39:60.123456789123z"}"#,
        ])
        try log.append((0..<700).map { #"{"action":"x","module":"many","id":"\#($0)","session_id":"s\#($0)"}"# })
        for size in [120_000, 100_000, 60_000, 200_000, 1] {
            try log.append([#"{"action":"big","module":"big","details":"\#(String(repeating: "x", count: size))"}"#])
        }
        try log.rotate()
        try add("rich", log)
    }

    subscript(path: String) -> [UInt8] { logs[Self.main]?[path] ?? [] }

    func files(_ name: String) -> Files { logs[name] ?? [:] }

    /// The files of `one`, without those that did not change.
    func files(after one: TamperCase) -> Files { files(one.log).applying(one.edits, from: logs) }

    func verify(_ one: TamperCase) throws -> Outcome {
        let key = one.key == "" ? nil : try one.key.map { try VerifierKey($0) } ?? keys[one.log]
        let options = VerifyOptions(genesisKey: key, checkpoint: one.checkpoint.map { Array($0) }, threads: 1)
        let result = try Verifier.runBothWays(LogDirectory(MemoryTree(files(after: one))), options)
        return Outcome(result.verdict, result.firstBadSequence)
    }
}

// MARK: - Every byte and every cut

extension TamperMatrix {
    /// Why a file is not protected: nil for those that are.
    private func reason(_ path: String) -> String? {
        if path.hasPrefix(FileNames.keys) { return "a verifier never reads private keys" }
        if path.hasSuffix(".tmp") { return "a write that did not finish is not part of the log" }
        return nil
    }

    private func isNote(_ path: String) -> Bool {
        [FileNames.origin, FileNames.head, FileNames.checkpoint].contains(path)
            || path.hasSuffix(FileNames.Part.seal.rawValue)
    }

    private func byteCases(isLong: Bool) -> [TamperCase] {
        files(Self.main).keys.sorted().flatMap { path in
            // The last character of base64 has bits that a loose decoder drops.
            let end = isNote(path) ? self[path].count - 6 : .max
            return self[path].indices.flatMap { offset in
                let masks: [UInt8] =
                    isLong || offset >= end ? [1, 2, 4, 8, 16, 32, 64, 128, 255] : [1 << UInt8(offset % 8)]
                return masks.map { mask in
                    TamperCase(
                        kind: .flip, name: "\(path), byte \(offset), mask \(mask)",
                        edits: [.flip(path, offset, mask)],
                        expected: damage([.flip(path, offset, mask)]).outcome, reason: reason(path))
                }
            }
        }
    }

    private func cutCases() -> [TamperCase] {
        files(Self.main).keys.sorted().flatMap { path in
            self[path].indices.map { size in
                let edit = Edit.write(path, .of(Self.main, path, 0..<size))
                return TamperCase(
                    kind: .cut, name: "\(path) cut to \(size)", edits: [edit], expected: damage([edit]).outcome,
                    reason: reason(path))
            }
        }
    }

    /// What was never acknowledged, or is not signed yet, is not protected.
    private func unprotectedCases(isLong: Bool) -> [TamperCase] {
        let path = shape.active.path(.data)
        let fresh = FileNames.segment(shape.end, .data)
        let rows: [(String, String, Int, String)] = [
            ("torn", path, self[path].count, "nothing names an append that did not finish"),
            ("unnamed", path, self[path].count, "no head and no later block names this block yet"),
            ("fresh", fresh, 0, "no event stands behind this header, and the head names none"),
            ("footed", path, self[path].count, "a footer without a seal is the beginning of a rotation that never was"),
        ]
        return rows.flatMap { log, path, start, reason in
            let count = files(log)[path]?.count ?? 0
            return (start..<count).flatMap { offset in
                let edits: [(TamperCase.Kind, Edit)] = [
                    (.flip, .flip(path, offset, isLong ? 255 : 1 << UInt8(offset % 8))),
                    (.cut, .write(path, .of(log, path, 0..<offset))),
                ]
                return edits.map { kind, edit in
                    TamperCase(
                        kind: kind, name: "\(log): \(path), \(kind) at \(offset)", log: log, edits: [edit],
                        expected: Outcome(.verified), reason: reason)
                }
            }
        }
    }

    /// What edits of different files damage.
    func damage(_ edits: [Edit]) -> LogDamage {
        var damage = LogDamage(shape)
        for edit in edits {
            switch edit.path {
            case FileNames.origin: damage.origin = verdict(ofOrigin: edit)
            case FileNames.head:
                damage.head = edit.isRemoval ? .missing : .unsigned(segment(ofHead: edit))
            case FileNames.checkpoint: damage.checkpoint = edit.isRemoval ? .missing : .bad
            default:
                let place = shape.segments.firstIndex { segment in
                    FileNames.Part.allCases.contains { segment.path($0) == edit.path }
                }
                guard let place else { continue }
                if edit.path.hasSuffix(FileNames.Part.seal.rawValue) {
                    damage.segments[place].seal = edit.isRemoval ? .missing : .bad
                } else if edit.path.hasSuffix(FileNames.Part.index.rawValue) {
                    damage.segments[place].indexIsGood = false
                } else if let flip = edit.flip {
                    damage.segments[place].data = .flipped(at: flip[0])
                } else {
                    damage.segments[place].data = edit.size.map { .cut(to: $0) } ?? .missing
                }
            }
        }
        return damage
    }

    /// The origin is TAMPERED, but where it does not name a genesis key, or one of a type that is not known.
    private func verdict(ofOrigin edit: Edit) -> Verdict {
        guard !edit.isRemoval else { return .unverifiable }
        guard let flip = edit.flip else { return .tampered }
        let bytes = self[FileNames.origin]
        let changed = bytes[flip[0]] ^ UInt8(flip[1])
        // Not plain text any more, and so not a note.
        guard changed >= 32 || changed == 10, changed < 128 else { return .tampered }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let name = text.firstRange(of: "\ngenesis ") else { return .tampered }
        let start = text.utf8.distance(from: text.startIndex, to: name.lowerBound)
        if (start..<(start + 9)).contains(flip[0]) { return .unverifiable }
        // name+keyID+base64: six bits of the type in the first character, two in the second.
        let key = keys[Self.main]?.description ?? ""
        let type = start + 9 + key.utf8.count - 44
        var first = Array(bytes[type..<(type + 4)])
        guard first.indices.contains(flip[0] - type) else { return .tampered }
        first[flip[0] - type] = changed
        let decoded = Base64.decode(String(decoding: first, as: UTF8.self))
        return decoded.map { $0[0] != 1 } ?? false ? .unverifiable : .tampered
    }

    /// The segment that a changed head names: the active one, unless it is that very digit which changed.
    private func segment(ofHead edit: Edit) -> UInt64 {
        guard let flip = edit.flip else { return shape.active.number }
        let name = "\nsegment "
        let text = String(decoding: self[FileNames.head], as: UTF8.self)
        guard let range = text.firstRange(of: name),
            flip[0] == text.utf8.distance(from: text.startIndex, to: range.upperBound)
        else { return shape.active.number }
        let digit = (self[FileNames.head][flip[0]] ^ UInt8(flip[1])) &- UInt8(ascii: "0")
        return digit < 10 ? UInt64(digit) : shape.active.number
    }
}

extension Edit {
    var isRemoval: Bool { flip == nil && pieces == nil }

    /// Length of the first piece's range: of a cut file, its size.
    fileprivate var size: Int? { pieces?.first?.range.map { $0[1] - $0[0] } }
}

// MARK: - Random cases

extension TamperMatrix {
    /// Two or three changes of different files at once.
    private func randomCases(count: Int) -> [TamperCase] {
        var random = LinearRandom(state: seed)
        let paths = files(Self.main).keys.sorted()
        var cases: [TamperCase] = []
        while cases.count < count {
            let chosen = paths.shuffled(using: &random).prefix(Int.random(in: 2...3, using: &random))
            let edits = chosen.map { path -> Edit in
                let offset = Int.random(in: 0..<self[path].count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: return .flip(path, offset, UInt8.random(in: 1...255, using: &random))
                case 1: return .write(path, .of(Self.main, path, 0..<offset))
                default: return .remove(path)
                }
            }
            // Whether such a head can still be read decides what is said of it: of one change, that is told above.
            let active = shape.active.path(.data)
            if edits.contains(where: { $0.path == active && $0.isRemoval }),
                edits.contains(where: { $0.path == FileNames.head && !$0.isRemoval })
            {
                continue
            }
            let names = edits.map {
                "\($0.path) \($0.flip.map { "\($0)" } ?? $0.size.map { "cut to \($0)" } ?? "removed")"
            }
            let isUnprotected = edits.allSatisfy { reason($0.path) != nil }
            cases.append(
                TamperCase(
                    kind: .random, name: "seed \(seed), case \(cases.count): \(names.joined(separator: ", "))",
                    edits: edits, expected: damage(edits).outcome,
                    reason: isUnprotected ? "none of these files is read" : nil))
        }
        return cases
    }
}

/// The numbers of Knuth's MMIX: enough to choose bytes, and the same everywhere.
struct LinearRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
