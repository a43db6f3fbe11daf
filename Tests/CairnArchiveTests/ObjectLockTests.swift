import CairnFormat
import CairnPlatform
import NIOHTTP1
import Synchronization
import Testing

@testable import CairnArchive
@testable import CairnNetwork

extension Storages {
    /// What only a bucket with Object Lock can, and what only a real server says.
    @Suite(.enabled(if: SeaweedFS.program != nil, SeaweedFS.isThere)) struct ObjectLockTests {
        private func storage(
            _ identity: (accessKeyID: String, secret: String) = SeaweedFS.writer,
            bucket: String = SeaweedFS.lockedBucket
        ) throws -> S3Storage {
            try S3Storage(#require(SeaweedFS.running.withLock { $0 }).settings(bucket: bucket, identity))
        }

        private static func later(seconds: Int64) -> Time {
            Time(nanoseconds: SystemTimeSource().wall() + seconds * Time.perSecond)
        }

        /// Nobody removes what is locked in compliance mode, neither the writer nor the administrator.
        @Test func complianceHoldsAgainstEverybody() throws {
            let until = Self.later(seconds: 3600)
            try storage().put("locked/compliance", [1, 2, 3], lock: ObjectLock(.compliance, until: until))
            for identity in [SeaweedFS.writer, SeaweedFS.admin] {
                let storage = try storage(identity)
                let status = try #require(try storage.head("locked/compliance"))
                #expect(status.lock?.mode == .compliance)
                // Whole seconds, rounded up.
                let kept = try #require(status.lock?.until)
                #expect(kept >= until)
                #expect(kept.nanoseconds - until.nanoseconds < Time.perSecond)
                #expect(status.version != nil)
                let removal = failure { try storage.remove("locked/compliance") }
                #expect(removal?.code == .locked)
                #expect(removal?.message.contains("compliance") == true)
                #expect(
                    code { try storage.removeEveryVersion("locked/compliance", bypassingGovernance: true) } == .locked)
                #expect(try storage.contents("locked/compliance", limit: 10) == [1, 2, 3])
            }
        }

        /// A lock can be made longer by who made it, and neither shorter nor of another mode.
        @Test(arguments: ObjectLock.Mode.allCases)
        func aLockIsProlonged(_ mode: ObjectLock.Mode) throws {
            let storage = try storage()
            let (early, late) = (Self.later(seconds: 3600), Self.later(seconds: 7200))
            let key = "locked/prolonged-\(mode)"
            try storage.put(key, [1], lock: ObjectLock(mode, until: early))
            try storage.lock(key, ObjectLock(mode, until: late))
            let lock = try #require(try storage.head(key)?.lock)
            #expect(lock.covers(ObjectLock(mode, until: late)))
            #expect(code { try storage.lock(key, ObjectLock(mode, until: early)) } == .denied)
            let other = mode == .compliance ? ObjectLock.Mode.governance : .compliance
            #expect(code { try storage.lock(key, ObjectLock(other, until: late)) } == .denied)
            #expect(try storage.head(key)?.lock == lock)
            #expect(try storage.contents(key, limit: 10) == [1])
            #expect(throws: ArchiveError.self) {
                try self.storage(bucket: SeaweedFS.plainBucket).lock("none", ObjectLock(mode, until: early))
            }
        }

        @Test func aNewVersionDoesNotTouchTheLockedOne() throws {
            let storage = try storage()
            let lock = ObjectLock(.compliance, until: Self.later(seconds: 3600))
            try storage.put("locked/versions", [1], lock: lock)
            #expect(code { try storage.put("locked/versions", [2], lock: lock) } == .exists)
            try storage.put("locked/versions", [2], onlyIfAbsent: false)
            #expect(try storage.contents("locked/versions", limit: 10) == [2])
            try storage.remove("locked/versions")
            #expect(try storage.contents("locked/versions", limit: 10) == [1], "the newest has gone for good")
            #expect(code { try storage.remove("locked/versions") } == .locked)
        }

        @Test func governanceYieldsToThePermissionOnly() throws {
            let lock = ObjectLock(.governance, until: Self.later(seconds: 3600))
            try storage().put("locked/governance", [1], lock: lock)
            #expect(code { try storage().remove("locked/governance") } == .locked)
            let administrator = try storage(SeaweedFS.admin)
            #expect(code { try administrator.remove("locked/governance") } == .locked)
            #expect(
                code { try administrator.removeEveryVersion("locked/governance", bypassingGovernance: false) }
                    == .locked)
            try administrator.removeEveryVersion("locked/governance", bypassingGovernance: true)
            #expect(try administrator.head("locked/governance") == nil)
        }

        @Test func aLockTakesABucketWithObjectLockAndADateToCome() throws {
            let lock = ObjectLock(.compliance, until: Self.later(seconds: 3600))
            let plain = try storage(bucket: SeaweedFS.plainBucket)
            #expect(code { try plain.put("locked/plain", [1], lock: lock) } == .invalid)
            #expect(try plain.head("locked/plain") == nil)
            let past = ObjectLock(.compliance, until: Self.later(seconds: -3600))
            #expect(code { try storage().put("locked/past", [1], lock: past) } == .invalid)
            #expect(try storage().head("locked/past") == nil)
        }

        /// The server itself finds out that the bytes are others than the hash says, should this side ever not.
        @Test func theServerChecksTheHash() throws {
            let server = try #require(SeaweedFS.running.withLock { $0 })
            let client = try S3Client(
                server.settings(bucket: SeaweedFS.plainBucket), pacing: .system, timeouts: HTTPTimeouts())
            let bytes = pattern(1000)
            let request = S3Request(
                method: .PUT, object: "wrong-hash",
                headers: [("x-amz-checksum-sha256", Base64.encode(Digest.sha256([1])))], payload: .sha256(bytes),
                key: "wrong-hash")
            let upload = Upload(key: "wrong-hash", source: BytesSource(bytes), sha256: .sha256(bytes))
            #expect(code { _ = try client.succeed(request, upload: upload) } == .changed)
            #expect(try storage(bucket: SeaweedFS.plainBucket).head("wrong-hash") == nil)
        }

        @Test func aWrongSecretIsToldAsSuch() throws {
            let wrong = try storage((SeaweedFS.writer.accessKeyID, "another-secret"))
            let denial = failure { try wrong.put("a", [1]) }
            #expect(denial?.code == .denied)
            #expect(denial?.status == 403)
            #expect(denial?.message.contains("another-secret") == false)
            #expect(code { _ = try wrong.head("a") } == .denied)
            #expect(code { _ = try wrong.keys() } == .denied)
        }
    }
}
