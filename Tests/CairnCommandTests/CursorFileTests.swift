import CairnPlatform
import Testing

@testable import CairnCommand

@Suite("Cursor files")
struct CursorFileTests {
    @Test("what was written is read; a new one is made")
    func roundTrip() throws {
        let directory = try TestDirectory()
        let file = CursorFile(path: "\(directory.path)/cursor")
        #expect(try file.read() == nil)
        for cursor in [UInt64(0), 17, .max] {
            try file.write(cursor)
            #expect(try file.read() == cursor)
        }
        #expect(try PosixFileSystem(root: directory.path).list("") == ["cursor"])
    }

    @Test("anything else is refused and named", arguments: ["", "x", "-1", "1 2", "18446744073709551616"])
    func damaged(text: String) throws {
        let directory = try TestDirectory()
        try PosixFileSystem(root: directory.path).replace("c", with: Array(text.utf8), mode: 0o600)
        let path = "\(directory.path)/c"
        let error = #expect(throws: CommandFailure.self) { try CursorFile(path: path).read() }
        #expect(error?.status == .data)
        #expect(error?.message?.contains(path) == true)
    }

    @Test("a file that is not there is EX_NOINPUT")
    func missing() throws {
        let directory = try TestDirectory()
        for path in ["\(directory.path)/none", "\(directory.path)/no/where"] {
            let error = #expect(throws: CommandFailure.self) { try FilePlace.named(path, limit: 10) }
            #expect(error?.status == .noInput)
        }
    }
}
