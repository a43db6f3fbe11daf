import CairnFormat

/// A JSON object that grows member by member.
struct JSONObject {
    private var members: [UInt8] = []

    var bytes: [UInt8] { [UInt8(ascii: "{")] + members + [UInt8(ascii: "}")] }

    mutating func append(_ name: StaticString, literal: StaticString) {
        begin(name)
        members.append(text: literal)
    }

    mutating func append(_ name: StaticString, _ number: UInt64?) {
        guard let number else { return append(name, literal: "null") }
        begin(name)
        members.append(decimal: number)
    }

    mutating func append(_ name: StaticString, text: String?) {
        guard let text else { return append(name, literal: "null") }
        begin(name)
        members.append(jsonString: text.utf8)
    }

    mutating func append(_ name: StaticString, list: [JSONObject]) {
        begin(name)
        members.append(UInt8(ascii: "["))
        for (index, object) in list.enumerated() {
            if index > 0 { members.append(UInt8(ascii: ",")) }
            members.append(contentsOf: object.bytes)
        }
        members.append(UInt8(ascii: "]"))
    }

    mutating func append(_ name: StaticString, _ object: JSONObject) {
        begin(name)
        members.append(contentsOf: object.bytes)
    }

    mutating func append(_ name: StaticString, texts: [String]) {
        begin(name)
        members.append(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { members.append(UInt8(ascii: ",")) }
            members.append(jsonString: text.utf8)
        }
        members.append(UInt8(ascii: "]"))
    }

    private mutating func begin(_ name: StaticString) {
        if !members.isEmpty { members.append(UInt8(ascii: ",")) }
        members.append(UInt8(ascii: "\""))
        members.append(text: name)
        members.append(text: "\":")
    }
}
