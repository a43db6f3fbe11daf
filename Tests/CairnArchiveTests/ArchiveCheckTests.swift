import CairnFormat
import CairnReader
import CairnSimulation
import Testing

@testable import CairnArchive

/// Whatever happens to an object of an archive, verification names it.
struct ArchiveCheckTests {
    private static let partition = "log=audit.example.com%2Fhost1"

    private let log: TestLog
    private let storage = MemoryStorage()

    init() throws {
        log = try TestLog.sealed([3, 4, 2])
        _ = try log.archive(to: storage)
    }

    enum Harm: CaseIterable, Sendable {
        case missing, changed, longer, shorter, empty, ofAnother

        func done(to bytes: [UInt8], other: [UInt8]) -> [UInt8]? {
            switch self {
            case .missing: nil
            case .changed: bytes.enumerated().map { $0 == bytes.count / 2 ? $1 ^ 1 : $1 }
            case .longer: bytes + [0]
            case .shorter: bytes.dropLast()
            case .empty: []
            case .ofAnother: other
            }
        }
    }

    @Test(arguments: ["events/", "indexes/", "seals/", "manifests/"], Harm.allCases)
    func harmIsNamed(_ part: String, _ harm: Harm) throws {
        // Of the first, of one in the middle, and of the last.
        let keys = storage.objects.keys.filter { $0.hasPrefix(part) }.sorted()
        try #require(keys.count == 3)
        for (index, key) in keys.enumerated() {
            let other = try #require(storage.objects[keys[(index + 1) % 3]])
            let bytes = try #require(storage.objects[key])
            storage.set(key, harm.done(to: bytes, other: other))
            let found = try storage.verification()
            if part == "manifests/", harm == .missing {
                #expect(found.verdict >= .truncatedOrStale, "\(key): \(found.findings)")
            } else {
                #expect(found.verdict == (part == "indexes/" ? .indexDamaged : .tampered), "\(key): \(found.findings)")
                #expect(found.findings.contains { $0.message.contains(key) }, "\(key): \(found.findings)")
            }
            storage.set(key, bytes)
        }
        try storage.expectVerified()
    }

    /// Of a manifest that is gone, its data is still there.
    @Test func aMissingManifestIsFelt() throws {
        for first in [0, 3, 7] as [UInt64] {
            let key = "manifests/v1/\(Self.partition)/\(ArchiveLayout.digits(first)).json"
            let bytes = try #require(storage.objects[key])
            storage.set(key, nil)
            let found = try storage.verification()
            #expect(found.verdict >= .truncatedOrStale)
            let data = try #require(
                storage.objects.keys.first { $0.hasPrefix("events/") && $0.contains(ArchiveLayout.digits(first) + "-") }
            )
            #expect(found.findings.map(\.message).contains { $0.contains(data) } || first == 7)
            #expect(found.notes.map(\.message).contains { $0.contains(data) } || first != 7)
            storage.set(key, bytes)
        }
    }

    @Test(arguments: ["origins/", "checkpoints/"], Harm.allCases)
    func harmToTheLogAsAWholeIsFound(_ part: String, _ harm: Harm) throws {
        let key = try #require(storage.objects.keys.first { $0.hasPrefix(part) })
        let bytes = try #require(storage.objects[key])
        storage.set(key, harm.done(to: bytes, other: [1, 2, 3]))
        if part == "origins/", harm == .missing {
            #expect(try ArchiveLayout.logs(in: storage).isEmpty)
        } else {
            #expect(try storage.verification().verdict != .verified)
        }
    }

    /// A storage that keeps no SHA-256, or an object that another program put there.
    @Test func withoutAHashTheBytesAreRead() throws {
        let blind = ForgetfulStorage(storage)
        try blind.expectVerified()
        let key = try #require(storage.objects.keys.filter { $0.hasPrefix("events/") }.max())
        let bytes = try #require(storage.objects[key])
        storage.set(key, Harm.changed.done(to: bytes, other: []))
        let found = try blind.verification()
        #expect(found.verdict == .tampered && found.findings.contains { $0.message.contains(key) }, "\(found.findings)")
    }

    @Test func whatNoManifestNamesIsTold() throws {
        let place = "events/v1/\(Self.partition)/dt=2026-11-21/hour=00"
        for name in ["00000000000000000002-00000000000000000002.ndjson.gz", "forged.ndjson.gz", "x/y.ndjson"] {
            storage.set("\(place)/\(name)", [1])
            let found = try storage.verification()
            #expect(found.verdict == .unsealed && found.findings.count == 1)
            #expect(found.findings[0].message.contains("\(place)/\(name)"))
            storage.set("\(place)/\(name)", nil)
        }
        // Behind the end: an archiver is at work, or was cut off.
        storage.set("\(place)/00000000000000000009-00000000000000000012.ndjson.gz", [1])
        let found = try storage.verification()
        #expect(found.verdict == .verified && found.notes.filter { $0.kind == .uncommitted }.count == 1)
        // Of another log, and of nobody.
        storage.set("events/v1/log=other/dt=2026-11-21/hour=00/x.ndjson.gz", [1])
        storage.set("readme", [1])
        #expect(try storage.verification().notes == found.notes)
    }

    @Test func aManifestThatSaysOtherThanItsSealIsNamed() throws {
        let key = "manifests/v1/\(Self.partition)/\(ArchiveLayout.digits(3)).json"
        let bytes = try #require(storage.objects[key])
        var text = String(decoding: bytes, as: UTF8.self)
        text.replaceSubrange(try #require(text.firstRange(of: "\"events\":4")), with: "\"events\":3")
        storage.set(key, Array(text.utf8))
        let found = try storage.verification()
        #expect(found.verdict == .tampered && found.findings.contains { $0.message.contains(key) })
    }

    /// What the storage does not answer proves nothing.
    @Test func afailureIsNoFinding() throws {
        storage.forgetCalls()
        _ = try storage.verification()
        let count = storage.calls.count
        for call in 0..<count {
            storage.forgetCalls()
            storage.fail(call, .before)
            #expect(throws: (any Error).self, "call \(call)") { try self.storage.verification() }
        }
    }
}

/// A storage that knows no SHA-256 of its objects.
private final class ForgetfulStorage: ObjectStorage {
    private let storage: MemoryStorage
    let name = "forgetful"

    init(_ storage: MemoryStorage) { self.storage = storage }

    func head(_ key: String) throws(ArchiveError) -> ObjectStatus? {
        var status = try storage.head(key)
        status?.sha256 = nil
        return status
    }

    func put(_ upload: Upload) throws(ArchiveError) { try storage.put(upload) }
    func size(_ key: String) throws(ArchiveError) -> UInt64? { try storage.size(key) }
    func lock(_ key: String, _ lock: ObjectLock) throws(ArchiveError) { try storage.lock(key, lock) }
    func read(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int { try storage.read(key, at: offset, into: buffer) }
    func contents(_ key: String, limit: Int) throws(ArchiveError) -> [UInt8]? {
        try storage.contents(key, limit: limit)
    }
    func list(
        prefix: String, from start: ObjectPage.Start?, limit: Int
    ) throws(ArchiveError) -> ObjectPage { try storage.list(prefix: prefix, from: start, limit: limit) }
    func remove(_ key: String) throws(ArchiveError) { try storage.remove(key) }
    func removeEveryVersion(_ key: String, bypassingGovernance: Bool) throws(ArchiveError) {
        try storage.removeEveryVersion(key, bypassingGovernance: bypassingGovernance)
    }
}
