import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import Testing

@testable import CairnArchive
@testable import CairnNetwork

/// Where checkpoints are published: what is put there, what comes back, and what each refusal means.
@Suite struct AnchorPlaceTests {
    private static func origin(_ log: TestLog) throws -> Origin { try log.directory.origin().origin }

    private static func checkpoint(_ log: TestLog) throws -> SignedNote {
        try #require(try log.directory.note(FileNames.checkpoint)).note
    }

    // MARK: - A file

    @Test func aFileHoldsTheNewest() throws {
        let (scratch, log) = (try Scratch(), try TestLog.sealed([2]))
        let place = FileAnchor("\(scratch.path)/kept")
        #expect(place.target == "file:\(scratch.path)/kept")
        #expect(try place.newest(of: Self.origin(log)) == nil)
        let first = try Self.checkpoint(log)
        #expect(try place.publish(first, of: Self.origin(log)).bytes == first.bytes)
        try log.seal(3)
        let second = try Self.checkpoint(log)
        #expect(second.bytes != first.bytes)
        _ = try place.publish(second, of: Self.origin(log))
        #expect(try place.newest(of: Self.origin(log)) == second.bytes)
        let nowhere = FileAnchor("\(scratch.path)/no/where")
        #expect(code { _ = try nowhere.publish(second, of: Self.origin(log)) } == .unavailable)
    }

    // MARK: - A bucket

    @Test func aBucketKeepsEveryCheckpointUnderItsLock() throws {
        let (log, storage) = (try TestLog.sealed([2]), MemoryStorage())
        let lock = ObjectLock(.compliance, until: Time(nanoseconds: Int64(1) << 61))
        let place = BucketAnchor(storage, lock: lock)
        #expect(place.target == storage.name)
        #expect(try place.newest(of: Self.origin(log)) == nil)
        var published: [[UInt8]] = []
        for _ in 0..<3 {
            let note = try Self.checkpoint(log)
            _ = try place.publish(note, of: Self.origin(log))
            // Again is the same.
            _ = try place.publish(note, of: Self.origin(log))
            published.append(note.bytes)
            #expect(try place.newest(of: Self.origin(log)) == note.bytes)
            try log.seal(1)
        }
        let layout = ArchiveLayout(try Self.origin(log))
        let keys = try storage.keys(prefix: layout.anchors)
        #expect(try keys.map { try storage.contents($0, limit: 1 << 20) } == published)
        for key in keys { #expect(try storage.head(key)?.lock == lock) }
        #expect(keys == [1, 2, 3].map { layout.anchor($0) })
        // An archive of the same log does not take them for its own: they are ahead of it.
        #expect(try storage.keys(prefix: layout.checkpoints).isEmpty)
    }

    @Test func anotherCheckpointOfTheSameSizeIsNotPassedOver() throws {
        let (log, storage) = (try TestLog.sealed([2]), MemoryStorage())
        let layout = ArchiveLayout(try Self.origin(log))
        storage.set(layout.anchor(1), Array("something else\n".utf8))
        let error = failure {
            _ = try BucketAnchor(storage, lock: nil).publish(Self.checkpoint(log), of: Self.origin(log))
        }
        #expect(error?.code == .changed)
        #expect(error?.description.contains(layout.anchor(1)) == true)
    }

    // MARK: - A command

    @Test func aCommandReadsTheCheckpoint() throws {
        let (scratch, log) = (try Scratch(), try TestLog.sealed([2]))
        let (origin, note) = (try Self.origin(log), try Self.checkpoint(log))
        let file = "\(scratch.path)/read"
        let place = CommandAnchor("cat > '\(file)'; printf %s \"$CAIRN_ORIGIN\" > '\(file).origin'")
        #expect(try place.publish(note, of: origin).bytes == note.bytes)
        #expect(try FilePlace.contents(file, limit: 1 << 20) == note.bytes)
        #expect(try FilePlace.contents("\(file).origin", limit: 1 << 20) == Array(origin.name.utf8))
        for command in ["exit 1", "kill -TERM $$", "no-such-command-anywhere 2>&-"] {
            #expect(code { _ = try CommandAnchor(command).publish(note, of: origin) } == .unavailable, "\(command)")
        }
        _ = try CommandAnchor("exec 0<&-; exit 0").publish(note, of: origin)
    }

    // MARK: - A witness

    private static func signer() throws -> WitnessSigner {
        try WitnessSigner(name: "witness.example", seed: [UInt8](repeating: 5, count: 32))
    }

    private static func cosignature(_ note: SignedNote, seconds: UInt64 = 1_800_000_000) throws -> FakeServer.Answer {
        .status(200, body: "\(try signer().cosign(note.text, seconds: seconds).line)\n")
    }

    private static func place(_ server: FakeServer, _ log: TestLog, known: UInt64 = 0) throws -> WitnessAnchor {
        try WitnessAnchor("\(server.endpoint)/w/", key: signer().verifier, log.directory, known: known)
    }

    @Test func aWitnessIsAskedFromWhereItStands() throws {
        let log = try TestLog.sealed([2, 1, 1, 3])
        let note = try Self.checkpoint(log)
        let server = try FakeServer([
            .status(409, headers: ["Content-Type": "text/x.tlog.size"], body: "3\n"), try Self.cosignature(note),
        ])
        let published = try Self.place(server, log).publish(note, of: Self.origin(log))
        let cosignature = try published.cosignature(by: Self.signer().verifier)
        #expect(cosignature?.time == Time(nanoseconds: 1_800_000_000 * Time.perSecond))
        #expect(published.text == note.text)
        let requests = server.requests
        #expect(requests.map(\.uri) == ["/w/add-checkpoint", "/w/add-checkpoint"])
        #expect(requests.allSatisfy { $0.method == "POST" })
        let asked = try requests.map { try WitnessRequest(body: $0.body) }
        #expect(asked.map(\.oldSize) == [0, 3])
        #expect(asked.allSatisfy { $0.checkpoint == note.bytes })
        #expect(try asked[1].path == log.directory.consistency(of: note.bytes, from: 3))
        #expect(asked[0].path.isEmpty && !asked[1].path.isEmpty)
    }

    @Test func whatIsKnownSavesAQuestion() throws {
        let log = try TestLog.sealed([2, 1, 1])
        let note = try Self.checkpoint(log)
        for known in [2, 3, 9] as [UInt64] {
            let server = try FakeServer([try Self.cosignature(note)])
            _ = try Self.place(server, log, known: known).publish(note, of: Self.origin(log))
            #expect(try server.requests.map { try WitnessRequest(body: $0.body).oldSize } == [min(known, 3)])
        }
    }

    @Test(
        arguments: [
            (400, .invalid), (403, .denied), (404, .denied), (409, .changed), (422, .changed), (500, .unavailable),
            (302, .unavailable), (200, .invalid),
        ] as [(Int, ArchiveError.Code)])
    func everyRefusalHasItsMeaning(_ status: Int, _ expected: ArchiveError.Code) throws {
        let log = try TestLog.sealed([2])
        let server = try FakeServer([.status(status, body: status == 200 ? "no signature" : "no\n")])
        let note = try Self.checkpoint(log)
        let error = failure { _ = try Self.place(server, log).publish(note, of: Self.origin(log)) }
        #expect(error?.code == expected, "\(String(describing: error))")
        #expect(error?.description.contains(server.endpoint) == true)
        #expect(server.requests.count == 1)
    }

    /// It has cosigned more than the log has, or goes on to stand somewhere else.
    @Test func aWitnessThatIsAheadOrNeverTheSame() throws {
        let log = try TestLog.sealed([2, 1])
        let note = try Self.checkpoint(log)
        func isAt(_ size: Int) -> FakeServer.Answer {
            .status(409, headers: ["Content-Type": "text/x.tlog.size"], body: "\(size)\n")
        }
        let ahead = try FakeServer([isAt(7)])
        let error = failure { _ = try Self.place(ahead, log).publish(note, of: Self.origin(log)) }
        #expect(error?.code == .changed && error?.description.contains("7 seals") == true)
        let restless = try FakeServer([isAt(1), isAt(2), isAt(1), isAt(2)])
        #expect(code { _ = try Self.place(restless, log).publish(note, of: Self.origin(log)) } == .unavailable)
        #expect(restless.requests.count == 3)
    }

    /// A signature that is not by the key that is trusted is none.
    @Test func aForeignCosignatureDoesNotCount() throws {
        let log = try TestLog.sealed([2])
        let note = try Self.checkpoint(log)
        let other = try WitnessSigner(name: "witness.example", seed: [UInt8](repeating: 6, count: 32))
        let lines = [
            "\(try other.cosign(note.text, seconds: 1).line)\n", "",
            "\(try Self.signer().cosign("another text\n", seconds: 1).line)\n",
        ]
        for line in lines {
            let server = try FakeServer([.status(200, body: line)])
            #expect(code { _ = try Self.place(server, log).publish(note, of: Self.origin(log)) } != nil, "\(line)")
        }
    }

    @Test(arguments: ["", "witness.example", "ftp://w", "https://w?x=1", "http://w#a", "/a/path"])
    func addressesThatAreNone(_ url: String) throws {
        #expect(code { _ = try WitnessAnchor.target(url) } == .invalid)
    }

    @Test func anAddressHasOneName() throws {
        #expect(try WitnessAnchor.target("https://w.example/a//") == "https://w.example/a")
    }

    @Test func nobodyIsThere() throws {
        let log = try TestLog.sealed([2])
        let (socket, port) = try boundSocket()
        defer { _ = socket }
        let place = try WitnessAnchor("http://127.0.0.1:\(port)", key: Self.signer().verifier, log.directory, known: 0)
        #expect(code { _ = try place.publish(Self.checkpoint(log), of: Self.origin(log)) } == .unavailable)
    }
}
