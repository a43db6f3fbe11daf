import CairnFormat
import CairnSimulation
import Testing

@testable import CairnArchive

struct ArchiveManifestTests {
    private static let digest = Digest.sha256([1, 2, 3])

    private func object(_ key: String) -> ArchiveManifest.Object {
        ArchiveManifest.Object(key: key, size: 42, sha256: Self.digest)
    }

    private func manifest() throws -> ArchiveManifest {
        let log = try TestLog.sealed([3, 4])
        var manifest = ArchiveManifest(
            seal: try log.seals()[1], data: object("events/a"), index: object("indexes/\"b\""),
            sealObject: object("seals/c"))
        manifest.generation = 2
        manifest.superseded = ["events/a.r1", "ä"]
        return manifest
    }

    @Test func everyFormComesBack() throws {
        let whole = try manifest()
        var (sealOnly, withoutIndex, plain) = (whole, whole, whole)
        (sealOnly.data, sealOnly.index) = (nil, nil)
        withoutIndex.index = nil
        (plain.generation, plain.superseded) = (0, [])
        for manifest in [whole, sealOnly, withoutIndex, plain] {
            #expect(try ArchiveManifest(manifest.encoded, key: "k") == manifest)
        }
    }

    /// What other programs may count on.
    @Test func theMembersAreThoseOfTheNorm() throws {
        let text = String(decoding: try manifest().encoded, as: UTF8.self)
        #expect(
            text.hasPrefix("{\"version\":1,\"log\":\"\(TestLog.name)\",\"segment\":1,\"first_seq\":3,\"last_seq\":6,"))
        #expect(text.hasSuffix("\"}\n"))
        let hash = Hex.encode(Self.digest.bytes)
        #expect(text.contains("\"data\":{\"key\":\"events/a\",\"bytes\":42,\"sha256\":\"\(hash)\"}"))
        #expect(text.contains("\"index\":{\"key\":\"indexes/\\\"b\\\"\",\"bytes\":42,"))
        for member in [
            "events\":4", "first_received\":\"2026-", "last_received\":\"2026-", "min_time\":\"2026-",
            "max_time\":\"2026-", "generation\":2", "superseded\":[\"events/a.r1\",\"ä\"]", "seal_text\":\"",
        ] {
            #expect(text.contains(",\"\(member)"), "\(member)")
        }
    }

    @Test func whatIsNoManifestIsRefused() throws {
        let text = String(decoding: try manifest().encoded, as: UTF8.self)
        let changes: [(String, String)] = [
            ("\"version\":1", "\"version\":2"), ("\"version\":1,", ""), ("\"version\":1", "\"version\":\"1\""),
            ("\"seal_text\":\"", "\"seal_text\":\"x"), ("\"seal_text\"", "\"seal_txt\""), ("\"seal\":", "\"seel\":"),
            ("\"bytes\":42", "\"bytes\":-42"), ("\"bytes\":42", "\"bytes\":4.2"), ("\"sha256\":\"0", "\"sha256\":\""),
            ("\"sha256\":\"0", "\"sha256\":\"x"), ("\"generation\":2", "\"generation\":-1"),
            ("\"superseded\":[\"events/a.r1\"", "\"superseded\":[1"), ("\"superseded\":[", "\"superseded\":[["),
            ("\"data\":{\"key\":\"events/a\"", "\"data\":{\"key\":7"), ("\"data\":{", "\"data\":null,\"x\":{"),
            ("}\n", ""),
        ]
        for (old, new) in changes {
            let changed = try Self.replacing(text, old, new)
            #expect(
                failure { _ = try ArchiveManifest(Array(changed.utf8), key: "k") }?.code == .invalid, "\(old)")
        }
        for bytes in [
            [], [0], Array("[]".utf8), Array("{}".utf8), Array("null".utf8), [UInt8](repeating: 0x7B, count: 9999),
        ] {
            let refusal = failure { _ = try ArchiveManifest(bytes, key: "manifests/k") }
            #expect(refusal?.code == .invalid && refusal?.key == "manifests/k")
        }
    }

    /// What only repeats the seal is not read, and so must be compared: see ``ArchiveCheck``.
    @Test(arguments: [
        ("\"log\":\"audit", "\"log\":\"other"), ("\"segment\":1", "\"segment\":2"),
        ("\"first_seq\":3", "\"first_seq\":2"),
        ("\"last_seq\":6", "\"last_seq\":7"), ("\"events\":4", "\"events\":5"),
        ("\"first_received\":\"2026", "\"first_received\":\"2025"), ("\"max_time\":\"2026", "\"max_time\":\"2027"),
        ("\"version\":1", "\"version\": 1"),
    ])
    func aRepetitionThatIsWrongIsSeen(_ old: String, _ new: String) throws {
        let manifest = try manifest()
        let changed = Array(try Self.replacing(String(decoding: manifest.encoded, as: UTF8.self), old, new).utf8)
        let read = try ArchiveManifest(changed, key: "k")
        #expect(read == manifest && read.encoded != changed)
    }

    /// Cut off or changed anywhere, it is refused or read, and nothing else happens.
    @Test func anyBytesAreRead() throws {
        let bytes = try manifest().encoded
        var random = SeededRandom(seed: 7)
        for index in bytes.indices {
            var changed = bytes
            changed[index] = UInt8(truncatingIfNeeded: random.next())
            _ = try? ArchiveManifest(changed, key: "k")
            #expect((try? ArchiveManifest(Array(bytes[..<index]), key: "k")) == nil || index == bytes.count - 1)
        }
    }

    private static func replacing(_ text: String, _ old: String, _ new: String) throws -> String {
        var text = text
        text.replaceSubrange(try #require(text.firstRange(of: old), "\(old)"), with: new)
        return text
    }

    /// The largest that the log can make is read again: 1,024 modules in the seal.
    @Test func theLimitLetsTheLargestIn() throws {
        var manifest = try manifest()
        let name = String(repeating: "m", count: 60)
        manifest.seal.modules = (0..<1024).map { Seal.ModuleCount(name: "\(name)\(1000 + $0)", count: .max / 2048) }
        manifest.seal.count = manifest.seal.modules.reduce(0) { $0 + $1.count }
        manifest.superseded = (0..<100).map { "events/\($0)" + String(repeating: "x", count: 700) }
        #expect(manifest.encoded.count < ArchiveManifest.sizeLimit)
        #expect(try ArchiveManifest(manifest.encoded, key: "k") == manifest)
    }
}
