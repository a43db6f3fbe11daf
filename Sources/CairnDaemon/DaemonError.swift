package import CairnStore

/// Why the daemon cannot start or go on, with the exit code that says so (sysexits(3)).
package struct DaemonError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Int32, Sendable {
        case damaged = 65
        case unavailable = 69
        case io = 74
        case temporary = 75
        case configuration = 78
    }

    package var code: Code
    /// What is wrong, where, and what to do.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package init(_ error: StoreError) {
        let code: Code =
            switch error.code {
            case .locked: .temporary
            case .io: .io
            case .damaged, .keyLost: .damaged
            case .configuration: .configuration
            case .refused, .unavailable: .unavailable
            }
        self.init(code, error.message)
    }

    package var description: String { message }
}
