/// One line from the daemon to a client that wants acknowledgements. Protocol.md is the norm.
enum DaemonAnswer: Equatable {
    case hello(origin: String)
    case acknowledged(lines: UInt64, isDuplicate: Bool)
    case synced
    case refused(Refusal)
    /// Nothing can be stored for now.
    case unavailable(message: String)

    /// A line that was not taken as an event.
    struct Refusal: Equatable {
        /// From 1.
        var line: UInt64
        var code: String
        var message: String
    }

    /// nil for a line that is none of these.
    init?(_ line: UnsafeRawBufferPointer) {
        guard let member = JSONSlice(line).members.first else { return nil }
        let value = member.value
        if member.name.isText("_ack"), let lines = value["lines"]?.number {
            self = .acknowledged(lines: lines, isDuplicate: value["duplicate"]?.flag ?? false)
        } else if member.name.isText("_error") {
            let message = value["message"]?.string ?? ""
            guard let line = value["line"]?.number else {
                self = .unavailable(message: message)
                return
            }
            self = .refused(Refusal(line: line, code: value["code"]?.string ?? "unknown", message: message))
        } else if member.name.isText("_synced") {
            self = .synced
        } else if member.name.isText("_hello") {
            self = .hello(origin: value["origin"]?.string ?? "")
        } else {
            return nil
        }
    }
}
