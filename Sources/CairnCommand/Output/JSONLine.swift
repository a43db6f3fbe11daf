import CairnFormat

/// One JSON object in one line that grows member by member. What is not there is null.
struct JSONLine {
    private var members: [UInt8] = []

    var text: String { "{" + String(decoding: members, as: UTF8.self) + "}" }

    mutating func add(_ name: StaticString, _ value: String?) {
        begin(name)
        if let value { members.append(jsonString: value.utf8) } else { members.append(text: "null") }
    }

    mutating func add(_ name: StaticString, _ value: UInt64?) {
        begin(name)
        if let value { members.append(decimal: value) } else { members.append(text: "null") }
    }

    mutating func add(_ name: StaticString, _ value: Bool) {
        begin(name)
        members.append(text: value ? "true" : "false")
    }

    /// Adds a value that is JSON already.
    mutating func add(_ name: StaticString, json: String) {
        begin(name)
        members.append(contentsOf: json.utf8)
    }

    private mutating func begin(_ name: StaticString) {
        if !members.isEmpty { members.append(UInt8(ascii: ",")) }
        members.append(UInt8(ascii: "\""))
        members.append(text: name)
        members.append(text: "\":")
    }
}
