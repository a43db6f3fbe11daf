import CairnFormat
import CairnPlatform
import Glibc
import Synchronization
import Testing

@testable import CairnArchive
@testable import CairnNetwork

extension Storages {
    /// What every storage must do, run over each of them.
    struct StorageContractTests {
        enum Kind: String, CaseIterable, Sendable {
            case directory
            case bucket
            case prefixOfBucket
            case lockedBucket

            static let there: [Kind] = SeaweedFS.program == nil ? [.directory] : allCases

            var keepsVersions: Bool { self == .lockedBucket }
        }

        /// An empty storage of a test's own, and what must live as long as it.
        private struct Place {
            let storage: any ObjectStorage
            let owner: Scratch?
            /// What the keys begin with: in a bucket that tests share, a name of the test's own.
            let prefix: String
        }

        private static let count = Mutex(0)

        private func place(_ kind: Kind) throws -> Place {
            let number = Self.count.withLock { count in
                count += 1
                return count
            }
            let prefix = "test-\(number)"
            if kind == .directory {
                let scratch = try Scratch()
                let storage = try DirectoryStorage(path: "\(scratch.path)/new/archive", creating: true)
                return Place(storage: storage, owner: scratch, prefix: prefix)
            }
            let bucket = kind == .lockedBucket ? SeaweedFS.lockedBucket : SeaweedFS.plainBucket
            let server = try #require(SeaweedFS.running.withLock { $0 })
            let inner = kind == .prefixOfBucket ? "some where/deep-\(number)" : ""
            let storage = try S3Storage(server.settings(bucket: bucket, prefix: inner))
            return Place(storage: storage, owner: nil, prefix: prefix)
        }

        /// Everything that a key may have in it.
        static let oddKeys = [
            "plain", "events/v1/log=a/dt=2026-01-02/hour=03/1-2.ndjson.gz", "a b/c d", "100%", "%41", "%2F",
            "plus+plus",
            "a&b=c?d#e", "semi;colon:at@comma,", "quote'double\"", "<tag>", "ünï/cödé", "e\u{301}", "é", "日本語",
            "\u{1F600}",
            "tilde~", "star*", "(paren)[bracket]{brace}", "$dollar!", "dot.", ".hidden", "a..b", "|pipe^",
        ]

        @Test(arguments: Kind.there)
        func whatIsStoredIsThere(_ kind: Kind) throws {
            let place = try place(kind)
            let (storage, key) = (place.storage, "\(place.prefix)/a/object")
            let bytes = pattern(300_000)
            #expect(try storage.head(key) == nil)
            #expect(try storage.contents(key, limit: 10) == nil)
            #expect(code { _ = try storage.read(key, at: 0, count: 10) } == .notFound)

            try storage.put(key, bytes, contentType: "application/gzip")
            let status = try #require(try storage.head(key))
            #expect(status.size == 300_000)
            #expect(status.sha256 == .sha256(bytes))
            #expect(status.lock == nil)
            #expect(!status.hasLegalHold)
            let modified = try #require(status.modified)
            #expect(abs(modified.nanoseconds - SystemTimeSource().wall()) < 600 * Time.perSecond)
            #expect((status.version != nil) == kind.keepsVersions)
            #expect(try storage.contents(key, limit: 300_000) == bytes)
            #expect(code { _ = try storage.contents(key, limit: 299_999) } == .tooLarge)
            #expect(try storage.contents("\(place.prefix)/a", limit: 10) == nil, "a directory is no object")
            #expect(try storage.head("\(key)/below") == nil)
        }

        @Test(arguments: Kind.there, [0, 1, 65_536, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20])
        func objectsOfEverySize(_ kind: Kind, _ size: Int) throws {
            let place = try place(kind)
            let key = "\(place.prefix)/object"
            let bytes = pattern(size)
            var progress: [UInt64] = []
            var upload = Upload(key: key, source: BytesSource(bytes), sha256: .sha256(bytes))
            upload.progress = { progress.append($0) }
            try place.storage.put(upload)
            #expect(progress.last == UInt64(size))
            #expect(progress == progress.sorted())
            #expect(try place.storage.head(key)?.size == UInt64(size))
            #expect(try place.storage.head(key)?.sha256 == .sha256(bytes))
            #expect(try place.storage.contents(key, limit: size) == bytes)
        }

        @Test(arguments: Kind.there)
        func rangesAreRead(_ kind: Kind) throws {
            let place = try place(kind)
            let key = "\(place.prefix)/object"
            let bytes = pattern(100_000)
            try place.storage.put(key, bytes)
            for (offset, count) in [(0, 1), (0, 100_000), (1, 99_999), (50_000, 1000), (99_999, 1)] {
                #expect(
                    try place.storage.read(key, at: UInt64(offset), count: count)
                        == Array(bytes[offset..<offset + count]), "\(count) at \(offset)")
            }
            #expect(try place.storage.read(key, at: 99_990, count: 100) == Array(bytes[99_990...]))
            #expect(try place.storage.read(key, at: 0, count: 200_000) == bytes)
            #expect(try place.storage.read(key, at: 100_000, count: 10) == [])
            #expect(try place.storage.read(key, at: 1 << 40, count: 10) == [])
            #expect(try place.storage.read(key, at: 5, count: 0) == [])
            try place.storage.put("\(place.prefix)/empty", [])
            #expect(try place.storage.read("\(place.prefix)/empty", at: 0, count: 10) == [])
        }

        @Test(arguments: Kind.there)
        func aTakenKeyStaysAsItIs(_ kind: Kind) throws {
            let place = try place(kind)
            let key = "\(place.prefix)/object"
            try place.storage.put(key, [1, 2, 3])
            #expect(code { try place.storage.put(key, [4]) } == .exists)
            #expect(code { try place.storage.put(key, [1, 2, 3]) } == .exists, "the same bytes too")
            // A large one is refused before or while it is sent.
            #expect(code { try place.storage.put(key, pattern(4 << 20)) } == .exists)
            #expect(try place.storage.contents(key, limit: 10) == [1, 2, 3])
            try place.storage.put(key, [4, 5], onlyIfAbsent: false)
            #expect(try place.storage.contents(key, limit: 10) == [4, 5])
            try place.storage.put("\(place.prefix)/new", [6], onlyIfAbsent: false)
            #expect(try place.storage.contents("\(place.prefix)/new", limit: 10) == [6])
        }

        /// Of many that store under one key at once, one does.
        @Test(arguments: Kind.there)
        func oneOfManyWins(_ kind: Kind) throws {
            let place = try place(kind)
            let (storage, key) = (place.storage, "\(place.prefix)/object")
            let outcomes = Mutex<[ArchiveError.Code?]>([])
            let threads = try (0..<6).map { number in
                try DedicatedThread(name: "put") {
                    let outcome = code { try storage.put(key, [UInt8(number)]) }
                    outcomes.withLock { $0.append(outcome) }
                }
            }
            for thread in threads { thread.join() }
            #expect(outcomes.withLock { $0.filter { $0 == nil }.count } == 1)
            #expect(outcomes.withLock { $0.filter { $0 == .exists }.count } == 5)
            #expect(try storage.contents(key, limit: 10)?.count == 1)
        }

        @Test(arguments: Kind.there)
        func otherBytesThanThoseOfTheHashAreNotStored(_ kind: Kind) throws {
            let place = try place(kind)
            let key = "\(place.prefix)/object"
            let bytes = pattern(600_000)
            let failures: [(String, Upload)] = [
                ("wrong hash", Upload(key: key, source: BytesSource(bytes), sha256: .sha256([1]))),
                ("empty", Upload(key: key, source: BytesSource([]), sha256: .sha256([1]))),
                ("shorter", Upload(key: key, source: OddSource(bytes: bytes, end: 500_000), sha256: .sha256(bytes))),
            ]
            for (name, upload) in failures {
                #expect(code { try place.storage.put(upload) } == .changed, "\(name)")
                #expect(try place.storage.head(key) == nil, "\(name)")
            }
            let broken = ArchiveError(.denied, "the disk says no")
            let source = OddSource(bytes: pattern(3 << 20), failure: broken)
            let upload = Upload(key: key, source: source, sha256: .sha256(source.bytes))
            #expect(failure { try place.storage.put(upload) }?.message == broken.message)
            #expect(try place.storage.head(key) == nil)
            try place.storage.put(key, bytes)
            #expect(try place.storage.contents(key, limit: 600_000) == bytes)
        }

        @Test(arguments: Kind.there)
        func oddKeysAreKeptApart(_ kind: Kind) throws {
            let place = try place(kind)
            for (index, key) in Self.oddKeys.enumerated() {
                try place.storage.put("\(place.prefix)/\(key)", [UInt8(index)])
            }
            for (index, key) in Self.oddKeys.enumerated() {
                #expect(try place.storage.contents("\(place.prefix)/\(key)", limit: 10) == [UInt8(index)], "\(key)")
                #expect(try place.storage.head("\(place.prefix)/\(key)")?.size == 1, "\(key)")
            }
            // As bytes: to Swift, é and é are equal.
            let expected = Set(Self.oddKeys.map { Array("\(place.prefix)/\($0)".utf8) })
            let listed = try place.storage.keys(prefix: "\(place.prefix)/").map { Array($0.utf8) }
            #expect(Set(listed).symmetricDifference(expected).map { String(decoding: $0, as: UTF8.self) } == [])
            #expect(listed.count == expected.count)
            for key in Self.oddKeys { try place.storage.remove("\(place.prefix)/\(key)") }
            #expect(try place.storage.keys(prefix: "\(place.prefix)/") == [])
        }

        @Test(arguments: Kind.there)
        func listsAreCompleteWhateverThePage(_ kind: Kind) throws {
            let place = try place(kind)
            let names = ["a/1", "a/2", "a/b/1", "a/b/2", "a-x", "a.x", "ab/1", "b", "c/d/e/f", "c/d/e0", "z"]
            let keys = names.map { "\(place.prefix)/\($0)" }
            for key in keys.shuffled() { try place.storage.put(key, Array(key.utf8)) }
            for limit in [1, 2, 3, 7, 1000] {
                var (found, after, pages) = ([ListedObject](), ObjectPage.Start?.none, 0)
                repeat {
                    let page = try place.storage.list(prefix: "\(place.prefix)/", from: after, limit: limit)
                    #expect(page.objects.count <= limit)
                    found += page.objects
                    after = page.next
                    pages += 1
                } while after != nil && pages < 50
                #expect(found.map(\.key).sorted() == keys.sorted(), "pages of \(limit)")
                #expect(found.allSatisfy { $0.size == UInt64($0.key.utf8.count) && $0.modified != nil })
                if kind == .directory { #expect(found.map(\.key) == keys.sorted(by: ObjectKey.precedes)) }
            }
            func below(_ prefix: String) -> [String] {
                keys.filter { $0.hasPrefix("\(place.prefix)/\(prefix)") }.sorted()
            }
            for prefix in ["a", "a/", "a/b", "a/b/", "c/d/e", "b", "zz", "none/"] {
                #expect(
                    try place.storage.keys(prefix: "\(place.prefix)/\(prefix)").sorted() == below(prefix), "\(prefix)")
            }
            #expect(try place.storage.keys(prefix: "\(place.prefix)/", after: "\(place.prefix)/b").count == 3)
            #expect(try place.storage.keys(prefix: "\(place.prefix)/", after: "\(place.prefix)/bb").count == 3)
        }

        @Test(arguments: Kind.there)
        func listsGoOnBeyondAPage(_ kind: Kind) throws {
            let place = try place(kind)
            // More than one page of the storage itself where that is cheap, else of small pages.
            let count = kind == .directory || kind == .bucket ? 1100 : 40
            for number in 0..<count { try place.storage.put("\(place.prefix)/hour=\(number % 3)/\(number)", []) }
            let keys = try place.storage.keys(prefix: "\(place.prefix)/")
            #expect(keys.count == count)
            #expect(Set(keys).count == count)
            var seen = 0
            try place.storage.forEach(prefix: "\(place.prefix)/") { _ throws(ArchiveError) in
                seen += 1
                return seen < 10
            }
            #expect(seen == 10)
        }

        @Test(arguments: Kind.there)
        func whatIsRemovedIsGone(_ kind: Kind) throws {
            let place = try place(kind)
            let key = "\(place.prefix)/object"
            try place.storage.remove(key)
            try place.storage.removeEveryVersion(key, bypassingGovernance: false)
            try place.storage.put(key, [1])
            try place.storage.put("\(key)-longer", [2])
            try place.storage.remove(key)
            #expect(try place.storage.head(key) == nil)
            #expect(try place.storage.keys(prefix: "\(place.prefix)/") == ["\(key)-longer"])
            try place.storage.put(key, [3])
            #expect(try place.storage.contents(key, limit: 10) == [3])
            for number in 0..<3 { try place.storage.put(key, [UInt8(number)], onlyIfAbsent: false) }
            try place.storage.removeEveryVersion(key, bypassingGovernance: false)
            #expect(try place.storage.head(key) == nil)
            #expect(try place.storage.keys(prefix: "\(place.prefix)/") == ["\(key)-longer"])
            // Nothing comes to light when the newest is gone.
            try place.storage.put(key, [4])
            try place.storage.remove(key)
            #expect(try place.storage.head(key) == nil)
        }

        @Test(arguments: Kind.there)
        func badKeysAreRefused(_ kind: Kind) throws {
            let place = try place(kind)
            for key in ["", "/a", "a/", "a//b", "../a", "a/..", "a/./b", "a\u{0}b", "a\nb", "a\\b", ".uploads/x"] {
                #expect(code { try place.storage.put(key, [1]) } == .invalid, "\(key)")
                #expect(code { _ = try place.storage.head(key) } == .invalid, "\(key)")
                #expect(code { _ = try place.storage.contents(key, limit: 1) } == .invalid, "\(key)")
                #expect(code { _ = try place.storage.read(key, at: 0, count: 1) } == .invalid, "\(key)")
                #expect(code { try place.storage.remove(key) } == .invalid, "\(key)")
                #expect(
                    code { try place.storage.removeEveryVersion(key, bypassingGovernance: true) } == .invalid, "\(key)")
            }
        }
    }
}
