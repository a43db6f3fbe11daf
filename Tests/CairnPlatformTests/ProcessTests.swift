import CairnPlatform
import Glibc
import Testing

@Suite struct TerminalTests {
    @Test func filesAreNoTerminals() throws {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        #expect(!Terminal.isTerminal(null))
        #expect(!Terminal.isTerminal(-1))
    }

    @Test func pseudoTerminalIsOne() throws {
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(terminal >= 0)
        defer { close(terminal) }
        #expect(Terminal.isTerminal(terminal))
    }

    /// In processes of their own: the environment and standard output are the whole process's.
    @Test func widthIsThatOfCOLUMNS() async {
        await #expect(processExitsWith: .success) {
            let terminal = open("/dev/null", O_WRONLY)
            dup2(terminal, STDOUT_FILENO)
            unsetenv("COLUMNS")
            precondition(Terminal.width() == nil)
            setenv("COLUMNS", "132", 1)
            precondition(Terminal.width() == 132)
            for nonsense in ["", "0", "-5", "wide"] {
                setenv("COLUMNS", nonsense, 1)
                precondition(Terminal.width() == nil)
            }
        }
    }

    @Test func widthIsThatOfTheTerminal() async {
        await #expect(processExitsWith: .success) {
            unsetenv("COLUMNS")
            let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            dup2(terminal, STDOUT_FILENO)
            precondition(Terminal.width() == nil, "a terminal that does not know its width says 0")
            var size = winsize(ws_row: 24, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0)
            precondition(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
            precondition(Terminal.width() == 97)
        }
    }
}

@Suite struct ProcessEnvironmentTests {
    @Test func variables() async {
        await #expect(processExitsWith: .success) {
            unsetenv("CAIRN_TEST")
            precondition(ProcessEnvironment.value("CAIRN_TEST") == nil)
            setenv("CAIRN_TEST", "", 1)
            precondition(ProcessEnvironment.value("CAIRN_TEST") == "")
            setenv("CAIRN_TEST", "größe=1", 1)
            precondition(ProcessEnvironment.value("CAIRN_TEST") == "größe=1")
        }
    }

    @Test func identity() {
        #expect(ProcessEnvironment.processID == getpid())
        #expect(ProcessEnvironment.userID == geteuid())
    }

    @Test func hostNameIsTheKernels() throws {
        let number = open("/proc/sys/kernel/hostname", O_RDONLY | O_CLOEXEC)
        defer { close(number) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(number, &buffer, buffer.count)
        try #require(count > 0)
        #expect(ProcessEnvironment.hostName() == String(decoding: buffer[..<(count - 1)], as: UTF8.self))
    }
}
