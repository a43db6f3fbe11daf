package import CairnFormat

/// One line of a client of the control socket: a JSON object with a command and what goes with it.
package struct ControlRequest: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case number(UInt64)
        case flag(Bool)
        /// Of any other kind.
        case other
    }

    /// What is asked for, whether there is such a command or not.
    package let command: String
    private let members: [String: Value]

    /// nil for a line that is no request.
    package init?(_ line: UnsafeRawBufferPointer, parser: JSONParser) {
        guard let tape = try? parser.parse(line), tape.kind(1) == .object else { return nil }
        var members: [String: Value] = [:]
        tape.forEachMember(of: 1) { name, value in
            members[String(decoding: name, as: UTF8.self)] = ControlRequest.value(tape, value)
        }
        guard case .text(let command)? = members["command"] else { return nil }
        self.command = command
        self.members = members
    }

    private static func value(_ tape: JSONTape, _ index: Int) -> Value? {
        switch tape.kind(index) {
        case .string: .text(String(decoding: tape.string(index), as: UTF8.self))
        case .yes: .flag(true)
        case .no: .flag(false)
        // As if it were not there.
        case .null: nil
        default: tape.integer(index).map { .number($0) } ?? .other
        }
    }

    /// A member's text; nil if there is none of that name.
    func text(_ name: String) throws(ControlRequestError) -> String? {
        switch members[name] {
        case nil: return nil
        case .text(let text)?: return text
        default: throw ControlRequestError(message: "\"\(name)\" must be a string")
        }
    }

    func requiredText(_ name: String) throws(ControlRequestError) -> String {
        guard let text = try text(name), !text.isEmpty else {
            throw ControlRequestError(message: "\"\(name)\" is missing")
        }
        return text
    }

    func flag(_ name: String) throws(ControlRequestError) -> Bool {
        switch members[name] {
        case nil: return false
        case .flag(let flag)?: return flag
        default: throw ControlRequestError(message: "\"\(name)\" must be true or false")
        }
    }
}

/// A request that says something that cannot be meant.
struct ControlRequestError: Error, Equatable {
    var message: String
}
