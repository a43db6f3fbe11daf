import CairnFormat
import CairnReader
import Testing

extension ForgedCases {
    // MARK: - Seals

    /// A log of one sealed segment of events 0 to 5.
    mutating func addSeal(
        _ name: String, _ verdict: Verdict, _ sequence: UInt64?, signedBy: UInt64? = nil, reason: String? = nil,
        change: (inout Seal) throws -> Void = { _ in }, text: (String) -> String = { $0 }
    ) throws {
        try add("a seal with \(name)", verdict, sequence, reason: reason, isNew: true) { log in
            try log.append(6)
            try log.foot()
            var failure: (any Error)?
            try log.seal(
                signedBy: signedBy,
                change: { seal in do { try change(&seal) } catch { failure = error } }, text: text)
            if let failure { throw failure }
            try log.checkpoint()
            try log.head()
        }
    }

    mutating func addSeals() throws {
        try addSeal("nothing changed", .verified, nil, reason: "nothing was changed")
        let other = try SealedLogFixture(name: "another")
        let changes: [(String, UInt64, (inout Seal) throws -> Void)] = [
            ("another number", 0, { $0.number = 1 }), ("another first number", 0, { $0.firstSequence = 1 }),
            ("another root", 0, { $0.root = .zero }), ("another seal before", 0, { $0.previous = .sha256([1]) }),
            ("another time of creation", 0, { $0.opened.nanoseconds += 1 }),
            ("other receive times", 0, { $0.received = $0.received.lowerBound...$0.received.lowerBound }),
            ("other times", 0, { $0.time = $0.time.lowerBound...$0.time.lowerBound }),
            ("another module", 0, { $0.modules[0].name = "another" }),
            ("modules in another order", 0, { $0.modules.reverse() }),
            ("a module of no events", 0, { $0.modules[0].count = 0 }),
            (
                "more events", 6,
                { seal in
                    seal.modules[0].count += 1
                    seal.count += 1
                }
            ),
            ("more events than its modules", 0, { $0.count += 1 }),
            ("no events", 0, { seal in (seal.count, seal.modules) = (0, []) }),
            ("another name", 0, { $0.origin = other.origin }),
            ("a next key of another name", 0, { $0.nextKey = try other.key(1).verifier }),
            ("too many events", 0, { $0.firstSequence = Limits.sequence - 1 }),
        ]
        for (name, sequence, change) in changes { try addSeal(name, .tampered, sequence, change: change) }
        for key in [UInt64(1), 9] { try addSeal("the signature of key \(key)", .tampered, 0, signedBy: key) }
        let texts = [
            ("count 6", "count 06"), ("reason size", "reason boredom"), ("/v1", "/v2"), ("next ", "later "),
            ("reason size", "reason size\nextra 1"), ("00Z", "Z"), ("module a", "module A"),
            ("next log.example+", "next log.example"), ("root ", "root x"), ("count 6", "count 99999999999999999999"),
            ("opened 2", "opened 9999"),
        ]
        for (old, new) in texts {
            try addSeal("\"\(new)\" for \"\(old)\"", .unverifiable, 0, text: { $0.replacing(old, with: new) })
        }
        try addSeal(
            "times in another order", .tampered, 0,
            text: { text in
                text.replacing(/received (\S+) (\S+)/) { "received \($0.2) \($0.1)" }
            })
        try addSeal(
            "a date that is none", .unverifiable, 0,
            text: { text in
                text.replacing(/opened \S{10}/) { _ in "opened 2026-02-30" }
            })
        try addSeal(
            "a next key of another type", .unverifiable, 0,
            text: { text in
                text.replacing(/next (.*)\+A/) { "next \($0.1)+B" }
            })
    }

    /// Who broke in later has a later key: sealed history stays out of reach.
    mutating func addResealed() throws {
        for (number, first) in TamperMatrix.firsts.dropLast().enumerated() {
            for key in Set([number + 1, 3, 9]).sorted() {
                try add("segment \(number) sealed again by key \(key)", .tampered, first) { log in
                    let seal = try #require(try log.directory.seal(log.directory.segments()[number]))
                    let note = try log.key(UInt64(key)).sign(seal.text)
                    log.files.put(FileNames.segment(first, .seal), note)
                }
            }
        }
        try add("history written anew and sealed by the newest key", .tampered, 0) { log in
            let other = try TamperMatrix.log(word: "logon")
            for (path, bytes) in other.files.snapshot { log.files.put(path, bytes) }
            let seal = try #require(try log.directory.seal(log.directory.segments()[0]))
            log.files.put(FileNames.segment(0, .seal), try log.key(3).sign(seal.text))
        }
        try add("a next key that does not sign", .tampered, 3, isNew: true) { log in
            try log.append(3)
            try log.foot()
            let other = try log.key(7).verifier
            try log.seal(change: { $0.nextKey = other })
            try log.next()
            try log.append(2)
            try log.checkpoint()
            try log.head()
        }
    }

    // MARK: - Heads

    mutating func addHeads() throws {
        typealias Change = (SealedLogFixture) throws -> Void
        let rows: [(String, Verdict, UInt64?, Change)] = [
            ("more events", .truncatedOrStale, 10, { try $0.head(count: 5) }),
            ("the root of more events", .tampered, 7, { try $0.head(count: 2) }),
            ("another root", .tampered, 7, { try $0.head(root: .zero) }),
            ("another first number", .tampered, 7, { try $0.head(first: 6) }),
            ("a later segment", .truncatedOrStale, 10, { try $0.head(number: 4) }),
            ("a much later segment", .truncatedOrStale, 10, { try $0.head(number: 40) }),
            ("the key of another segment", .tampered, nil, { try $0.head(key: 2) }),
            (
                "no event of the segment before", .verified, nil,
                { log in
                    try log.head(number: 2, first: 5, count: 0, root: .empty)
                }
            ),
            (
                "no event of an old segment", .truncatedOrStale, nil,
                { log in
                    try log.head(number: 1, first: 3, count: 0, root: .empty)
                }
            ),
            (
                "another root of an old segment", .truncatedOrStale, nil,
                { log in
                    try log.head(number: 1, first: 3, count: 1, root: .zero)
                }
            ),
            (
                "more events of the segment before", .truncatedOrStale, 7,
                { log in
                    try log.head(number: 2, first: 5, count: 3, root: .zero)
                }
            ),
            (
                "another root of the segment before", .tampered, 5,
                { log in
                    try log.head(number: 2, first: 5, count: 2, root: .zero)
                }
            ),
            ("no events", .verified, nil, { try $0.head(count: 0, root: .empty) }),
            ("no events and a root", .tampered, 7, { try $0.head(count: 0, root: .zero) }),
            ("too many events", .unverifiable, nil, { try $0.head(count: Limits.sequence) }),
        ]
        let older = "an older head of the newest two segments is as good"
        for (name, verdict, sequence, change) in rows {
            try add("a head with \(name)", verdict, sequence, reason: verdict == .verified ? older : nil, change)
        }
        // Inside the blocks of a segment that was sealed since.
        for count in UInt64(0)...6 {
            let isRight = count == 4
            try add(
                "a head of \(count) of six sealed events, with the root of four", isRight ? .verified : .tampered,
                isRight ? nil : 0, reason: isRight ? older : nil, isNew: true
            ) { log in
                try log.append(3)
                try log.append(1)
                let root = log.builder.tree.root
                try log.append(2)
                try log.foot()
                try log.seal()
                try log.next()
                try log.checkpoint()
                try log.head(number: 0, first: 0, count: count, root: root)
            }
        }
    }

    mutating func addHeadForms() throws {
        let texts: [(String, String, UInt64, Verdict)] = [
            ("/v1", "/v2", 3, .unverifiable), ("/v1", "/v2", 2, .unverifiable), ("/v1", "/v2", 4, .tampered),
            ("/v1", "/v2", 9, .tampered), ("count 3", "count 03", 3, .unverifiable),
            ("count 3", "count 3\nextra", 3, .unverifiable), ("log.example\n", "other\n", 3, .tampered),
        ]
        for (old, new, key, verdict) in texts {
            // Of another name it is read, and is not that of this segment.
            let sequence: UInt64? = new.hasPrefix("other") ? 7 : nil
            try add("a head with \"\(new)\", signed by key \(key)", verdict, sequence) { log in
                let text = try SignedNote(try #require(log.files[FileNames.head])).text
                log.files.put(FileNames.head, try log.key(key).sign(text.replacing(old, with: new)))
            }
        }
        try add("a head of more than the limit", .tampered) { log in
            log.files.put(FileNames.head, [UInt8](repeating: 65, count: Limits.note + 10))
        }
        for signatures in [15, 16] {
            let reason = signatures == 15 ? "signatures by other keys are ignored" : nil
            try add(
                "a head with \(signatures + 1) signatures", signatures == 15 ? .verified : .tampered, reason: reason
            ) { log in
                let line = Array("\u{2014} witness.example AAAAAAAA\n".utf8)
                for _ in 0..<signatures { log.files.append(FileNames.head, line) }
            }
        }
        try add("a head with a second signature by its key, a wrong one", .tampered) { log in
            let other = try log.key(3).sign("another\n").split(separator: 10).last ?? []
            log.files.append(FileNames.head, other + [10])
        }
    }

    // MARK: - Checkpoints

    mutating func addCheckpoints() throws {
        let root = MerkleTree.root(of: try TamperMatrix.log().seals.map { MerkleTree.leaf($0) })
        for (size, verdict) in [(2, Verdict.verified), (1, .truncatedOrStale), (0, .truncatedOrStale)] {
            let reason = verdict == .verified ? "a crash may leave the checkpoint one seal behind" : nil
            try add("a checkpoint of size \(size)", verdict, reason: reason) { try $0.checkpoint(size: size) }
        }
        try add("a checkpoint of one seal more", .truncatedOrStale) { try $0.checkpoint(size: 4, root: root) }
        try add("a checkpoint of two seals more", .truncatedOrStale, 10) { try $0.checkpoint(size: 5, root: root) }
        try add("a checkpoint with the root of more seals", .tampered) { try $0.checkpoint(size: 2, root: root) }
        try add("a checkpoint with the root of more seals, and old", .tampered) {
            try $0.checkpoint(size: 1, root: root)
        }
        try add("a checkpoint with another root", .tampered) { try $0.checkpoint(root: .zero) }
        let texts: [(String, Verdict)] = [
            ("log.example\n3\n\(root)\nextension\n", .unverifiable), ("other\n3\n\(root)\n", .tampered),
            ("log.example\n03\n\(root)\n", .unverifiable), ("log.example\n3\n", .unverifiable),
            ("log.example\n3\nroot\n", .unverifiable),
        ]
        for (text, verdict) in texts {
            try add("a checkpoint with the text \(text.debugDescription)", verdict) { log in
                log.files.put(FileNames.checkpoint, try log.logKey().sign(text))
            }
        }
        try add("a checkpoint signed by the genesis key", .tampered) { log in
            log.files.put(FileNames.checkpoint, try log.key(0).sign("log.example\n3\n\(root)\n"))
        }
    }

    // MARK: - Segments that were sealed after damage

    mutating func addCorruption() throws {
        typealias Change = (SealedLogFixture) throws -> Void
        func damaged(_ sizes: [Int], lost: UInt64, _ change: @escaping Change = { _ in }) -> Change {
            return { log in
                for size in sizes { try log.append(size) }
                try log.seal(.corruption)
                log.files.append(log.dataPath, [1, 2, 3])
                try log.next(lost: lost)
                try log.append(2)
                try log.checkpoint()
                try log.head()
                try change(log)
            }
        }
        let first = FileNames.segment(0, .data)
        let rows: [(String, UInt64, Change)] = [
            ("nothing else", 4, damaged([2, 2], lost: 3)),
            ("no event lost", 4, damaged([2, 2], lost: 0)),
            ("another damaged block", 2, damaged([2, 2], lost: 1) { try $0.change(first) { $0[$0.count - 30] ^= 1 } }),
            (
                "another line", 2,
                damaged([2, 2], lost: 1) { log in
                    try log.forge(log.blocks[1]) { $0.replacing("success", with: "failed!") }
                }
            ),
            (
                "an event less", 2,
                damaged([2, 2], lost: 1) { log in
                    try log.change(first) { $0.removeSubrange(log.blocks[1].range.lowerBound...) }
                }
            ),
            ("its data missing", 0, damaged([2, 2], lost: 1) { $0.files[first] = nil }),
            ("no event left", 0, damaged([], lost: 5)),
            ("no event left and no data", 0, damaged([], lost: 5) { $0.files[first] = nil }),
            ("no event left and nonsense", 0, damaged([], lost: 5) { $0.files.put(first, [1, 2, 3]) }),
            (
                "a head of the damaged segment", 4,
                damaged([2, 2], lost: 1) { log in
                    try log.head(number: 0, first: 0, count: 6, root: .zero)
                }
            ),
            (
                "a head of fewer of its events", 4,
                damaged([2, 2], lost: 1) { log in
                    try log.head(number: 0, first: 0, count: 2, root: .zero)
                }
            ),
            ("an index", 4, damaged([2, 2], lost: 1) { $0.files.put(FileNames.segment(0, .index), [1]) }),
        ]
        for (name, sequence, change) in rows {
            try add("sealed after damage, with \(name)", .tampered, sequence, isNew: true, change)
        }
        try add("sealed after damage, the newest", .tampered, 3, isNew: true) { log in
            try log.append(3)
            try log.seal(.corruption)
            log.files.append(log.dataPath, [1, 2, 3] + (try log.block(4)))
            try log.checkpoint()
            try log.head(count: 3, root: log.builder.tree.root)
        }
    }

    // MARK: - Lines

    /// A writer that stores what is no event, signed and with the right roots.
    mutating func addLines() throws {
        let status = #""status":"success""#
        func nested(_ levels: Int) -> String {
            #""details":\#(String(repeating: "[", count: levels))1\#(String(repeating: "]", count: levels))"#
        }
        let rows: [(String, String, String)] = [
            ("another number", #""_seq":4"#, #""_seq":5"#), ("a number with a zero", #""_seq":4"#, #""_seq":04"#),
            ("a time that falls", #"4,"_received":"2026"#, #"4,"_received":"2025"#),
            ("a time that is none", #"4,"_received":"2026-11"#, #"4,"_received":"2026-31"#),
            ("other stamps", #""_uid":1000,"_pid":42"#, #""_pid":42,"_uid":1000"#),
            ("no stamps", #"{"_seq":4"#, #"{"_Seq":4"#),
            ("a bracket too many", #""success"}"#, #""success"}]"#),
            ("a list for an object", #""success"}"#, #""success"]"#),
            ("a number that is none", status, #""status":NaN"#),
            ("a control character", "success", "succ\u{1}ss"),
            ("a name twice", status, #""status":1,"status":1"#),
            ("a name twice, once escaped", status, #""x":1,"\u0078":1"#),
            ("a name of the actor twice", status, #""actor":{"a":1,"a":2}"#),
            ("half a surrogate pair", "success", #"\ud800"#), ("the other half", "success", #"\udc00\ud800"#),
            ("too many levels", status, nested(Limits.depth)),
            ("no action", #""action":"#, #""deed":"#),
            ("a null for the module", #""module":"#, #""module":null,"more":"#),
        ]
        for (name, old, new) in rows {
            try add("a stored line with \(name)", .tampered, 3, isNew: true) { log in
                try log.append(3)
                try log.append(3)
                try log.forgeLast { line in
                    guard line.contains(#""_seq":4"#) else { return line }
                    return line.replacing(old, with: new)
                }
            }
        }
        let good: [(String, String, String)] = [
            ("a name twice inside", status, #""details":{"a":1,"a":2}"#),
            ("a surrogate pair", "success", #"\ud83d\uDE00"#), ("a backslash and no escape", "success", #"\\ud800"#),
            ("a long number", status, #""details":\#(String(repeating: "9", count: 400))"#),
            ("a huge number", status, #""details":1e999"#),
            ("as many levels as may be", status, nested(Limits.depth - 1)),
        ]
        for (name, old, new) in good {
            try add("a stored line with \(name)", .verified, reason: "it is an event", isNew: true) { log in
                try log.append(3)
                try log.append(3)
                try log.forgeLast { $0.replacing(old, with: new) }
            }
        }
    }

    // MARK: - Origins

    mutating func addOrigins() throws {
        let other = try SealedLogFixture(name: "another")
        let own = try SealedLogFixture(name: TamperMatrix.name)
        let rows: [(String, Verdict, (String) throws -> String)] = [
            ("a later version", .unverifiable, { $0.replacing("/v1", with: "/v2") }),
            ("another form of time", .unverifiable, { $0.replacing("000Z", with: "Z") }),
            ("a line more", .unverifiable, { $0 + "more 1\n" }),
            (
                "a log key of another name", .tampered,
                { text in
                    text.replacing(try own.logKey().verifier.description, with: try other.logKey().verifier.description)
                }
            ),
            ("another name", .tampered, { $0.replacing("v1\nlog.example", with: "v1\nanother") }),
            (
                "a genesis key that is too short", .tampered,
                { text in
                    let genesis = try own.key(0).verifier.description
                    return text.replacing(genesis, with: own.shortKey().description)
                }
            ),
            (
                "a genesis key of another type", .unverifiable,
                { text in
                    text.replacing(/genesis ([^+]*\+[^+]*)\+A/) { "genesis \($0.1)+B" }
                }
            ),
            (
                "another log key", .tampered,
                { text in
                    text.replacing(try own.logKey().verifier.description, with: try own.key(8).verifier.description)
                }
            ),
        ]
        for (name, verdict, change) in rows {
            try add("an origin with \(name), well signed", verdict) { log in
                let text = try SignedNote(try #require(log.files[FileNames.origin])).text
                log.files.put(FileNames.origin, try log.key(0).sign(try change(text)))
            }
        }
        try add("an origin that another key signed", .tampered) { log in
            let text = try SignedNote(try #require(log.files[FileNames.origin])).text
            log.files.put(FileNames.origin, try log.key(1).sign(text))
        }
    }
}
