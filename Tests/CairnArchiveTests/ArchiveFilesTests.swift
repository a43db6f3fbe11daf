import CairnFormat
import CairnPlatform
import CairnReader
import CairnSimulation
import Testing

@testable import CairnArchive

/// A log in an archive, read in place.
struct ArchiveFilesTests {
    private static let partition = "log=audit.example.com%2Fhost1"

    private let log: TestLog
    private let storage = MemoryStorage()

    init() throws {
        log = try TestLog.sealed([3, 400, 2])
        _ = try log.archive(to: storage)
        storage.forgetCalls()
    }

    private func key(_ prefix: String, _ first: UInt64) throws -> String {
        let digits = ArchiveLayout.digits(first)
        return try #require(storage.objects.keys.first { $0.hasPrefix(prefix) && $0.contains("/\(digits)") })
    }

    private func failure(_ body: () throws -> Void) -> IOFailure? {
        do {
            try body()
        } catch let error as IOFailure {
            return error
        } catch {
            Issue.record("unexpected error: \(error)")
        }
        return nil
    }

    @Test func itLooksAsTheLogDid() throws {
        let files = try storage.archivedFiles()
        let (archived, original) = (LogDirectory(files), log.directory)
        #expect(try archived.origin() == original.origin())
        #expect(try archived.note(FileNames.checkpoint)?.bytes == original.note(FileNames.checkpoint)?.bytes)
        #expect(try archived.note(FileNames.head) == nil)
        let segments = try original.segments().filter(\.isSealed)
        #expect(try archived.segments() == segments)
        for segment in segments {
            for part in [FileNames.Part.data, .index, .seal] {
                let path = segment.path(part)
                let bytes = try #require(log.kernel.disk.files[path])
                #expect(try files.status(path)?.size == UInt64(bytes.count))
                #expect(try files.contents(path, limit: 1 << 20) == bytes)
                #expect(try files.openForReading(path).identity == files.status(path)?.identity)
            }
            #expect(try files.status(segment.path(.nextIndex)) == nil)
        }
        #expect(try files.status("")?.isDirectory == true && files.status(FileNames.segments)?.isDirectory == true)
        #expect(Set(try segments.map { try files.status($0.path(.data))?.identity }).count == segments.count)
    }

    @Test(arguments: [
        "segments", "head", "keys/epoch", "segments/x", "segments/00000000000000000001.seal", "segments/../origin",
        "segments/00000000000000000000.ndjson", "origin/", "/origin",
    ])
    func whatIsNotThereIsMissing(_ path: String) throws {
        let files = try storage.archivedFiles()
        #expect(failure { _ = try files.openForReading(path) }?.isMissing == true)
        if path != "segments" { #expect(try files.status(path) == nil) }
        #expect(failure { _ = try files.list("keys") }?.isMissing == true)
    }

    /// Any range, also over the end.
    @Test func rangesAreRead() throws {
        let file = try storage.archivedFiles().openForReading(FileNames.segment(3, .data))
        let bytes = try #require(log.kernel.disk.files[FileNames.segment(3, .data)])
        let size = bytes.count
        #expect(try file.size() == UInt64(size))
        for (offset, count) in [
            (0, 1), (0, size), (1, size), (size / 2, 10), (size - 1, 1), (size - 1, 100), (size, 1), (size + 9, 1),
        ] {
            var buffer = [UInt8](repeating: 0xEE, count: count)
            let read = try buffer.withUnsafeMutableBytes { try file.read(at: UInt64(offset), into: $0) }
            #expect(Array(buffer[..<read]) == Array(bytes.dropFirst(offset).prefix(count)), "\(count) at \(offset)")
        }
    }

    /// A query fetches what seals and indexes leave, and no more.
    @Test func aQueryReadsLittle() throws {
        #expect(try TestLog.lines(LogDirectory(storage.archivedFiles()), "module=nowhere").isEmpty)
        #expect(storage.read.keys.allSatisfy { !$0.hasPrefix("events/") })
        storage.forgetCalls()
        let found = try TestLog.lines(LogDirectory(storage.archivedFiles()), "_seq=404")
        #expect(try found == TestLog.lines(log.directory, "_seq=404") && found.count == 1)
        #expect(storage.read.keys.filter { $0.hasPrefix("events/") } == [try key("events/", 403)])
        // Nothing asks for a whole object to know its length.
        #expect(storage.calls.allSatisfy { !$0.hasPrefix("head") })
    }

    @Test func eachManifestIsFetchedOnce() throws {
        let files = try storage.archivedFiles()
        for _ in 0..<3 { _ = try TestLog.lines(LogDirectory(files)) }
        let fetched = storage.calls.filter { $0.hasPrefix("contents manifests/") }
        #expect(fetched.count == 3 && Set(fetched).count == 3)
    }

    // MARK: - Harm

    /// A query must not leave out events without a word.
    @Test func aQueryTellsWhatItCannotRead() throws {
        let data = try key("events/", 3)
        storage.set(data, nil)
        #expect(throws: ReadError.self) { try TestLog.lines(LogDirectory(self.storage.archivedFiles())) }
        let manifest = try key("manifests/", 3)
        storage.set(manifest, [1, 2])
        let refusal = #expect(throws: ReadError.self) { try TestLog.lines(LogDirectory(self.storage.archivedFiles())) }
        #expect(refusal?.description.contains(manifest) == true, "\(refusal?.description ?? "")")
    }

    @Test func aFailureOfTheStorageIsTold() throws {
        let files = try storage.archivedFiles()
        storage.fail(storage.calls.count, .before)
        let told = failure { _ = try files.openForReading(FileNames.segment(3, .data)) }
        #expect(told?.isMissing == false && told?.description.contains("fails") == true)
        #expect(failure { _ = try files.openForReading(FileNames.segment(3, .data)) } == nil, "and the next call works")
        storage.fail(storage.calls.count, .before)
        #expect(failure { _ = try files.status(FileNames.segment(403, .data)) } != nil, "no news is not: not there")
    }

    /// A file that is open when its object goes says so.
    @Test func anObjectThatVanishesIsTold() throws {
        let file = try storage.archivedFiles().openForReading(FileNames.segment(3, .data))
        storage.set(try key("events/", 3), nil)
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(failure { _ = try buffer.withUnsafeMutableBytes { try file.read(at: 0, into: $0) } }?.isMissing == true)
    }
}
