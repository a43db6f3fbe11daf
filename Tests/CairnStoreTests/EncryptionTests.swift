import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import CairnStore
import Testing

/// Sealed segments are encrypted for somebody else: the host goes on without them, and who has the identity finds
/// everything as it was.
@Suite struct EncryptionTests {
    static func identity(_ number: UInt8 = 1) throws -> AgeIdentity {
        try AgeIdentity(secretKey: (0..<32).map { $0 &* 7 &+ number })
    }

    /// Three sealed segments of 5, 4 and 3 events, and an active one.
    static func prepared() throws -> CustodyLog {
        let log = try CustodyLog()
        try log.fill([5, 4, 3])
        return try encrypting(log)
    }

    static func encrypting(_ log: CustodyLog) throws -> CustodyLog {
        log.custody.recipients = [try identity().recipient]
        return log
    }

    static func directory(_ disk: TestDisk, _ identities: [AgeIdentity] = []) -> LogDirectory {
        LogDirectory(disk.files, identities: identities)
    }

    static func verification(_ disk: TestDisk, _ identities: [AgeIdentity] = []) throws -> Verification {
        try Verifier(directory(disk, identities), options: VerifyOptions(threads: 1)).run()
    }

    static func lines(_ disk: TestDisk, _ identities: [AgeIdentity] = [], _ filter: String = "") throws -> [UInt64:
        String]
    {
        var lines: [UInt64: String] = [:]
        try AuditLog(directory(disk, identities)).forEach(Query(filter: try Filter(filter))) { sequence, line in
            lines[sequence] = String(decoding: line, as: UTF8.self)
            return .next
        }
        return lines
    }

    /// The parts of the segments that are there, by their endings.
    static func parts(_ disk: TestDisk, _ first: UInt64) -> Set<String> {
        let start = FileNames.segment(first, .seal).dropLast(FileNames.Part.seal.rawValue.count)
        return Set(disk.snapshot().keys.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) })
    }

    private static let encryptedParts: Set = [".seal", ".ndjson.gz.age", ".index.age"]

    // MARK: What is there afterwards

    @Test func nothingIsLeftForTheHostToRead() throws {
        let log = try Self.prepared()
        let before = log.disk.snapshot()
        let lines = try log.disk.lines()
        let count = try log.custody.encrypt(through: .distantFuture)
        #expect(count == 3)
        for first in [0, 5, 9] as [UInt64] { #expect(Self.parts(log.disk, first) == Self.encryptedParts) }
        #expect(Self.parts(log.disk, 12) == [".ndjson.gz"])
        let all = try log.disk.everything()
        for number in 0..<12 { #expect(!TestDisk.contains(all, CustodyLog.secret("e\(number)").utf8), "e\(number)") }
        #expect(TestDisk.contains(all, CustodyLog.secret("e12").utf8))
        // Who can decrypt finds the files byte for byte.
        let directory = Self.directory(log.disk, [try Self.identity()])
        for first in [0, 5, 9] as [UInt64] {
            for part in [FileNames.Part.data, .index] {
                let path = FileNames.segment(first, part)
                let bytes = try directory.files.contents(path, limit: 1 << 20)
                #expect(bytes == before[path], "\(path)")
                #expect(try directory.files.status(path)?.size == UInt64(before[path]?.count ?? 0))
                #expect(try Self.directory(log.disk).files.status(path)?.size == UInt64(before[path]?.count ?? 0))
            }
        }
        #expect(try Self.lines(log.disk, [Self.identity()]) == lines)
        #expect(try log.custody.encrypt(through: .distantFuture) == 0)
    }

    @Test func verifyNeedsTheIdentityForTheEventsOnly() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        let host = try Self.verification(log.disk)
        #expect(host.verdict == .verified, "\(host.findings)")
        #expect(host.events == 1)
        let notes = host.notes.filter { $0.kind == .encrypted }
        #expect(notes.count == 1 && notes.first?.segment == 0)
        #expect(notes.first?.message.hasPrefix("events 0 to 11, 3 segments, are encrypted") == true, "\(notes)")
        let auditor = try Self.verification(log.disk, [Self.identity()])
        #expect(auditor.verdict == .verified, "\(auditor.findings)")
        #expect(auditor.events == 13)
        #expect(!auditor.notes.contains { $0.kind == .encrypted })
        // Another's identity is as good as none.
        let other = try Self.verification(log.disk, [Self.identity(9)])
        #expect(other.verdict == .verified && other.notes.contains { $0.kind == .encrypted })
    }

    @Test func aQueryDoesNotPassOverWhatItCannotRead() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        for (identities, word) in [([], "--identity"), ([try Self.identity(9)], "none of the identities")] {
            let error = #expect(throws: ReadError.self) { try Self.lines(log.disk, identities) }
            #expect(error?.code == .encrypted)
            #expect(error?.message.contains(word) == true, "\(String(describing: error))")
        }
        // What no seal can hold needs no identity.
        #expect(try Self.lines(log.disk, [], "module=nowhere").isEmpty)
    }

    /// Only what is older than the configured time, and nothing without recipients.
    @Test func itHasItsTime() throws {
        let log = try CustodyLog()
        try log.submit(["e0"])
        log.rotate()
        let between = Time(nanoseconds: log.clock.wall())
        log.clock.advance(by: Time.perSecond)
        try log.submit(["e1"])
        log.rotate()
        #expect(try log.custody.encrypt(through: .distantFuture) == 0)
        #expect(Self.parts(log.disk, 0) == [".seal", ".ndjson.gz", ".index"])
        _ = try Self.encrypting(log)
        #expect(try log.custody.encrypt(through: between) == 1)
        #expect(Self.parts(log.disk, 0) == Self.encryptedParts)
        #expect(Self.parts(log.disk, 1) == [".seal", ".ndjson.gz", ".index"])
        var paused = 0
        try log.submit(["e2"])
        log.rotate()
        #expect(try log.custody.encrypt(through: .distantFuture) { _ in paused += 1 } == 2)
        #expect(paused == 2)
    }

    /// A segment of one block for each event is compacted first: nobody here could do it afterwards.
    @Test func itIsCompactedBefore() throws {
        let log = try CustodyLog()
        for number in 0..<20 { try log.submit(["e\(number)"]) }
        log.rotate()
        _ = try Self.encrypting(log).custody.encrypt(through: .distantFuture)
        let directory = Self.directory(log.disk, [try Self.identity()])
        let segment = try #require(try directory.segment(0))
        let index = try #require(directory.index(segment))
        #expect(index.spans.reduce(0) { $0 + $1.blocks } == 1)
    }

    // MARK: Damage

    /// Who has the identity sees each changed byte; who has none sees what is no age file at all.
    @Test func aChangedFileIsTampered() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        let path = FileNames.segment(5, .encryptedData)
        let bytes = try #require(log.disk.snapshot()[path])
        for offset in stride(from: 0, to: bytes.count, by: 37) {
            var changed = bytes
            changed[offset] ^= 0x40
            log.disk.tamper(path, changed)
            let found = try Self.verification(log.disk, [Self.identity()])
            // A stanza that was changed is one for somebody else.
            let isStanza = found.verdict == .verified && found.notes.contains { $0.kind == .encrypted }
            #expect(found.verdict == .tampered || isStanza, "offset \(offset): \(found.verdict)")
            if !isStanza { #expect(found.firstBadSequence.map { (5...8).contains($0) } ?? true, "offset \(offset)") }
        }
        for size in [0, 10, bytes.count / 2, bytes.count - 1] {
            log.disk.tamper(path, Array(bytes.prefix(size)))
            let found = try Self.verification(log.disk, [Self.identity()])
            #expect(found.verdict == .tampered, "cut at \(size): \(found.verdict)")
        }
        log.disk.tamper(path, Array("no age file".utf8))
        #expect(try Self.verification(log.disk).verdict == .tampered)
        log.disk.tamper(path, bytes)
        #expect(try Self.verification(log.disk, [Self.identity()]).verdict == .verified)
    }

    @Test func anIndexThatIsMissingOrChangedIsFound() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        let path = FileNames.segment(5, .encryptedIndex)
        var bytes = try #require(log.disk.snapshot()[path])
        log.disk.lose(path)
        #expect(try Self.verification(log.disk).verdict == .indexDamaged)
        #expect(try Self.verification(log.disk, [Self.identity()]).verdict == .indexDamaged)
        bytes[bytes.count - 1] ^= 1
        log.disk.tamper(path, bytes)
        #expect(try Self.verification(log.disk, [Self.identity()]).verdict == .indexDamaged)
        #expect(try Self.lines(log.disk, [Self.identity()]).count == 13)
    }

    /// Data that is gone without a word is never VERIFIED, also where the word could stand in what cannot be read.
    @Test func whatIsMissingIsNotExcusedByEncryption() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        log.disk.lose(FileNames.segment(0, .encryptedData))
        let host = try Self.verification(log.disk)
        #expect(host.verdict == .unverifiable && host.firstBadSequence == 0, "\(host.findings)")
        #expect(try Self.verification(log.disk, [Self.identity()]).verdict == .tampered)
        // Behind it there is nothing that cannot be read.
        log.disk.lose(FileNames.segment(9, .encryptedData))
        #expect(try Self.verification(log.disk).findings.contains { $0.verdict == .tampered && $0.sequence == 9 })
    }

    // MARK: Crashes

    /// The power goes at each call: before the next start and behind it the log verifies, and no event is lost.
    @Test func aCrashAtAnyCallLosesNothing() throws {
        let whole = try Self.prepared()
        let start = whole.disk.operationCount
        _ = try whole.custody.encrypt(through: .distantFuture)
        let changes = Array(whole.disk.operations.dropFirst(start))
        #expect(changes.count > 30)
        let disk = try Self.prepared().disk.kernel.disk
        let lines = try Self.prepared().disk.lines()
        let identities = [try Self.identity()]
        for operation in changes.indices {
            for seed in [0, 1, 2] as [UInt64] {
                let place = "operation \(operation) (\(changes[operation])), seed \(seed)"
                let log = try Self.encrypting(CustodyLog(TestDisk(disk)))
                log.disk.fail(log.disk.operationCount + operation, Fault(.powerLoss))
                #expect(throws: StoreError.self, "\(place)") { try log.custody.encrypt(through: .distantFuture) }
                let crashed = log.disk.crash(seed: seed)
                for readers in [[], identities] {
                    let found = try Self.verification(crashed, readers)
                    #expect(found.verdict == .verified, "\(place), before the start: \(found.findings)")
                }
                let after = try Self.encrypting(CustodyLog(crashed))
                #expect(crashed.names(".tmp") + crashed.names(".next") == [], "\(place)")
                for first in [0, 5, 9] as [UInt64] {
                    let parts = Self.parts(crashed, first)
                    #expect(parts == [".seal", ".ndjson.gz", ".index"] || parts == Self.encryptedParts, "\(place)")
                }
                _ = try after.custody.encrypt(through: .distantFuture)
                for first in [0, 5, 9] as [UInt64] {
                    #expect(Self.parts(crashed, first) == Self.encryptedParts, "\(place)")
                }
                let found = try Self.verification(crashed, identities)
                #expect(found.verdict == .verified, "\(place): \(found.findings)")
                let now = try Self.lines(crashed, identities)
                #expect(lines.allSatisfy { now[$0.key] == $0.value }, "\(place)")
            }
        }
    }

    // MARK: Custody of what cannot be read

    @Test func anEventIsErasedWithTheIdentityOnly() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        let refusal = #expect(throws: StoreError.self) { try log.redact("", [2..<3, 6..<7]) }
        #expect(refusal?.code == .refused)
        #expect(refusal?.message.contains("--identity") == true)
        #expect(log.disk.snapshot()[RedactionRequest.path] == nil)
        let identities = [try Self.identity()]
        log.custody.identities = identities
        #expect(try log.redact("", [2..<3, 6..<7]).events == 2)
        log.custody.identities = []
        #expect(Self.parts(log.disk, 0) == Self.encryptedParts && Self.parts(log.disk, 5) == Self.encryptedParts)
        let found = try Self.verification(log.disk, identities)
        #expect(found.verdict == .verified, "\(found.findings)")
        #expect(found.notes.filter { $0.kind == .redacted }.count == 2)
        let lines = try Self.lines(log.disk, identities)
        let text = lines.values.joined()
        #expect(!text.contains(CustodyLog.secret("e2")) && !text.contains(CustodyLog.secret("e6")))
        #expect(text.contains(CustodyLog.secret("e3")))
        #expect(try Self.lines(log.disk, identities, "action=e2").isEmpty)
        // Not even in what was encrypted before.
        #expect(log.disk.names(".tmp") + log.disk.names(".next") == [])
        #expect(try Self.verification(log.disk).verdict == .verified)
    }

    /// What was decided is finished, by the next who brings the identity.
    @Test func aCrashWhileItIsErasedIsFinishedWithTheIdentity() throws {
        let prepared = try Self.prepared()
        _ = try prepared.custody.encrypt(through: .distantFuture)
        let disk = prepared.disk.kernel.disk
        let identities = [try Self.identity()]
        for operation in 0... {
            let log = try Self.encrypting(CustodyLog(TestDisk(disk)))
            log.custody.identities = identities
            log.disk.fail(log.disk.operationCount + operation, Fault(.powerLoss))
            _ = try? log.redact("", [2..<3])
            guard log.disk.isDown else {
                #expect(operation > 15)
                return
            }
            for seed in [0, 1, 2] as [UInt64] {
                let place = "operation \(operation), seed \(seed)"
                let crashed = log.disk.crash(seed: seed)
                #expect(try Self.verification(crashed, identities).verdict == .verified, "\(place), before")
                let isBegun = crashed.snapshot()[RedactionRequest.path] != nil
                let after = try Self.encrypting(CustodyLog(crashed, finishes: false))
                if isBegun {
                    let refusal = #expect(throws: StoreError.self, "\(place)") { try after.custody.finish() }
                    #expect(refusal?.message.contains("is not finished") == true, "\(place)")
                }
                after.custody.identities = identities
                try after.custody.finish()
                _ = try after.redact("", [2..<3])
                let found = try Self.verification(crashed, identities)
                #expect(found.verdict == .verified, "\(place): \(found.findings)")
                #expect(found.notes.contains { $0.kind == .redacted }, "\(place)")
                let text = try Self.lines(crashed, identities).values.joined()
                #expect(!text.contains(CustodyLog.secret("e2")) && text.contains(CustodyLog.secret("e1")), "\(place)")
                #expect(crashed.names(".tmp") + crashed.names(".next.age") == [], "\(place)")
            }
        }
    }

    /// What the newest trace says of the log as a whole stays readable.
    @Test func tracesAreSaidAgainBeforeTheyAreEncrypted() throws {
        let log = try Self.prepared()
        _ = try log.prune([0])
        #expect(try log.custody.noteArchived(SequenceRanges([5..<12]), in: "/srv/archive", by: 0))
        log.rotate()
        try log.submit(["more"])
        _ = try log.custody.encrypt(through: .distantFuture)
        guard case .pruned(let pruned)? = try AuditLog(Self.directory(log.disk)).newestTrace(.pruned),
            case .archived(let archived)? = try AuditLog(Self.directory(log.disk)).newestTrace(.archived)
        else {
            Issue.record("there are no traces that can be read")
            return
        }
        #expect(pruned == SequenceRanges([0..<5]) && archived == SequenceRanges([5..<12]))
        let host = try Self.verification(log.disk)
        #expect(host.verdict == .verified, "\(host.findings)")
        #expect(host.notes.contains { $0.kind == .pruned })
        // And what is encrypted can be pruned.
        let (removed, bytes) = try log.prune()
        #expect(removed.count == 3 && bytes > 0)
        #expect(log.disk.names(".age").isEmpty)
        #expect(try Self.verification(log.disk).verdict == .verified)
        let after = try log.restarted()
        #expect(try Self.verification(after.disk).verdict == .verified)
    }

    /// Its encrypted account of an erasure goes only when what was erased goes, too.
    @Test func whatMayAccountForAnErasureStays() throws {
        let log = try Self.prepared()
        try log.redact("", [2..<3])
        log.rotate()
        try log.submit(["more"])
        _ = try log.custody.encrypt(through: .distantFuture)
        let (removed, _) = try log.prune([3])
        #expect(removed.isEmpty)
        log.custody.identities = [try Self.identity()]
        #expect(try log.prune([3]).removed.isEmpty)
        // Segment 2 says nothing of the kind, and with the identity that can be seen.
        #expect(try log.prune([2]).removed == [2])
        log.custody.identities = []
        let rest = try log.prune([0, 1, 3]).removed
        #expect(rest == [0, 1, 3])
        #expect(try Self.verification(log.disk).verdict == .verified)
    }

    @Test func holdsStandAlsoWhereNothingCanBeRead() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        try log.hold("dispute", "actor.id=u-e2")
        #expect(try log.prune().removed.isEmpty)
        try log.custody.release("dispute", Hold.Release(by: 1002, reason: "settled"))
        #expect(try log.prune().removed.count == 3)
    }

    // MARK: Starts

    /// A start finds the log as it was; the ids of what is encrypted it does not know.
    @Test func aStartGoesOnWithoutThem() throws {
        let log = try CustodyLog()
        log.worker.step(.submit([try Fixture.submission([Fixture.line("e0", id: "id-0")])]))
        log.rotate()
        log.worker.step(.submit([try Fixture.submission([Fixture.line("e1", id: "id-1")])]))
        log.rotate()
        try log.submit(["more"])
        let first = Time(nanoseconds: log.clock.wall())
        _ = try Self.encrypting(log).custody.encrypt(through: first)
        let restarted = try log.restarted()
        let next = restarted.worker.core.durable
        restarted.worker.step(
            .submit([try Fixture.submission([Fixture.line("e0", id: "id-0"), Fixture.line("e1", id: "id-1")])]))
        #expect(restarted.worker.core.durable == next + 2)
        #expect(try Self.verification(restarted.disk, [Self.identity()]).verdict == .verified)
    }

    /// Who would read it? That is asked before anything is promised.
    @Test func withoutRecipientsNothingEncryptedIsWrittenAnew() throws {
        let log = try Self.prepared()
        _ = try log.custody.encrypt(through: .distantFuture)
        log.custody.identities = [try Self.identity()]
        log.custody.recipients = []
        let before = log.disk.snapshot()[FileNames.segment(0, .encryptedData)]
        let error = #expect(throws: StoreError.self) { try log.redact("", [2..<3]) }
        #expect(error?.message.contains("encryption.recipients") == true, "\(String(describing: error))")
        #expect(log.disk.snapshot()[FileNames.segment(0, .encryptedData)] == before)
        #expect(log.disk.snapshot()[RedactionRequest.path] == nil)
        #expect(try log.disk.kernel.watch { try AuditLog(Self.directory(log.disk)).newestTrace(.redacted) } == nil)
    }
}
