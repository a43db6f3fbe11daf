import Glibc

/// What the command line must know of the terminal that it writes to.
package enum Terminal {
    /// Whether a descriptor (0, 1, 2 …) is a terminal, and not a file or a pipe.
    package static func isTerminal(_ fd: Int32) -> Bool {
        isatty(fd) == 1
    }

    /// Columns: those of `COLUMNS` where it is set to a positive number, else of the terminal at standard output; nil
    /// where there is none.
    package static func width() -> Int? {
        if let columns = ProcessEnvironment.value("COLUMNS").flatMap({ Int($0) }), columns > 0 { return columns }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
