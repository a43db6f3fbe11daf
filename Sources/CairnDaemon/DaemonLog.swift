internal import CairnPlatform
package import Logging

/// Writes the daemon's own messages to standard error, one a line. Under systemd each begins with the priority in angle
/// brackets that the journal understands (sd-daemon(3)); on its own it begins with the level's name.
package struct DaemonLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let forJournal: Bool

    /// `forJournal`: standard error goes to the journal.
    package init(level: Logger.Level, forJournal: Bool) {
        logLevel = level
        self.forJournal = forJournal
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        StandardError.write(line(event.level, event.message.description))
    }

    func line(_ level: Logger.Level, _ message: String) -> String {
        // A line feed in a message would begin a line without a level.
        let flat = message.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: "; ")
        return forJournal ? "<\(level.priority)>\(flat)\n" : "cairnd: \(level): \(flat)\n"
    }
}

extension Logger.Level {
    /// As in syslog(3).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
