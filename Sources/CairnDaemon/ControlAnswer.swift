internal import CairnFormat

/// The answers of the control socket, as JSON objects.
enum ControlAnswer {
    enum Value {
        case text(String)
        case number(UInt64)
        case flag(Bool)
        case none
        case object([(String, Value)])
        case list([Value])
    }

    static func success(_ fields: [(String, Value)]) -> [UInt8] {
        encode(.object([("ok", .flag(true))] + fields))
    }

    static func failure(_ code: String, _ message: String) -> [UInt8] {
        encode(.object([("ok", .flag(false)), ("code", .text(code)), ("message", .text(message))]))
    }

    private static func encode(_ value: Value) -> [UInt8] {
        var output: [UInt8] = []
        append(value, to: &output)
        return output
    }

    private static func append(_ value: Value, to output: inout [UInt8]) {
        switch value {
        case .text(let text): output.append(jsonString: text.utf8)
        case .number(let number): output.append(decimal: number)
        case .flag(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .list(let values):
            output.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                append(value, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .none: output.append(text: "null")
        case .object(let fields):
            output.append(UInt8(ascii: "{"))
            for (index, field) in fields.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                output.append(jsonString: field.0.utf8)
                output.append(UInt8(ascii: ":"))
                append(field.1, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}
