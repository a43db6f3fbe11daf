import CairnPlatform
import Testing

@Suite struct ShellCommandTests {
    @Test(
        arguments: [
            ("true", 0), ("exit 7", 7), ("cat >/dev/null", 0), ("kill -KILL $$", 137), ("test \"$(wc -c)\" = 5", 0),
            ("test \"$CAIRN_TEST\" = 'a b'", 0), ("test -n \"$PATH\"", 0),
            ("no-such-command-anywhere 2>/dev/null", 127),
            // It reads nothing, and has ended before anything was written.
            ("exec 0<&-", 0),
        ] as [(String, Int32)])
    func endsWithTheStatusOfTheCommand(_ command: String, _ status: Int32) throws {
        let input = Array("12345".utf8)
        #expect(try ShellCommand.run(command, input: input, environment: [("CAIRN_TEST", "a b")]) == status)
    }

    /// More than a pipe holds, to somebody who reads none of it, half of it, or all.
    @Test(
        arguments: [("true", 0), ("head -c 100000 >/dev/null", 0), ("test \"$(wc -c)\" = 1000000", 0)]
            as [(String, Int32)])
    func aReaderThatEndsEarlyIsNoFailure(_ command: String, _ status: Int32) throws {
        let input = [UInt8](repeating: 0x61, count: 1_000_000)
        #expect(try ShellCommand.run(command, input: input) == status)
    }
}
