internal import CairnFormat
import CairnPlatform

/// A kind of value with its text form and its limits.
struct ValueKind<Value: Sendable>: Sendable {
    /// What a value looks like, to stand after “expected”.
    let expected: String
    var form = Setting.Form.scalar
    let parse: @Sendable (String) throws(QuantityError) -> Value
    let text: @Sendable (Value) -> String
}

/// Throws unless the value lies in the range.
private func checked<Value: Comparable>(
    _ value: Value, in range: ClosedRange<Value>
) throws(QuantityError) -> Value {
    if value < range.lowerBound { throw QuantityError("is too small") }
    if value > range.upperBound { throw QuantityError("is too large") }
    return value
}

extension ValueKind<Int> {
    static func size(_ range: ClosedRange<Int>) -> Self {
        let limits = "\(ByteSize.text(range.lowerBound)) to \(ByteSize.text(range.upperBound))"
        return ValueKind(
            expected: "size, \(limits)",
            parse: { (text) throws(QuantityError) in try checked(ByteSize.parse(text), in: range) },
            text: ByteSize.text)
    }

    static func count(_ range: ClosedRange<Int>) -> Self {
        ValueKind(
            expected: "number, \(range.lowerBound) to \(range.upperBound)",
            parse: { (text) throws(QuantityError) in try checked(Count.parse(text), in: range) },
            text: { "\($0)" })
    }
}

extension ValueKind<Duration> {
    static func span(_ range: ClosedRange<Duration>) -> Self {
        let limits = "\(TimeSpan.text(range.lowerBound)) to \(TimeSpan.text(range.upperBound))"
        return ValueKind(
            expected: "time span, \(limits)",
            parse: { (text) throws(QuantityError) in try checked(TimeSpan.parse(text), in: range) },
            text: TimeSpan.text)
    }
}

extension ValueKind<UInt32> {
    static var mode: Self {
        ValueKind(
            expected: "octal mode, 0000 to 0777",
            parse: { (text) throws(QuantityError) in try FileMode.parse(text) },
            text: FileMode.text)
    }
}

extension ValueKind<Bool> {
    static var boolean: Self {
        ValueKind(
            expected: "true or false", form: .boolean,
            parse: { (text) throws(QuantityError) in
                switch text {
                case "true", "yes", "on": return true
                case "false", "no", "off": return false
                default: throw QuantityError("is neither")
                }
            },
            text: { $0 ? "true" : "false" })
    }
}

extension ValueKind where Value: RawRepresentable<String> & CaseIterable {
    static func choice() -> Self {
        ValueKind(
            expected: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            parse: { (text) throws(QuantityError) in
                guard let value = Value(rawValue: text) else { throw QuantityError("is none of them") }
                return value
            },
            text: \.rawValue)
    }
}

extension ValueKind<String> {
    static var path: Self {
        ValueKind(
            expected: "path",
            parse: { (text) throws(QuantityError) in
                if text.isEmpty { throw QuantityError("is empty") }
                return try withoutControlCharacters(text)
            },
            text: { $0 })
    }

    static var socketPath: Self {
        ValueKind(
            expected: "path of at most \(UnixConnection.maximumPathBytes) bytes",
            parse: { (text) throws(QuantityError) in
                if text.isEmpty { throw QuantityError("is empty") }
                if text.utf8.count > UnixConnection.maximumPathBytes { throw QuantityError("is too long") }
                return try withoutControlCharacters(text)
            },
            text: { $0 })
    }

    /// A path or the empty text.
    static var optionalPath: Self {
        let kind = path
        return ValueKind(
            expected: kind.expected + ", or nothing",
            parse: { (text) throws(QuantityError) in text.isEmpty ? text : try kind.parse(text) },
            text: kind.text)
    }

    /// A socket's path or the empty text.
    static var optionalSocketPath: Self {
        let kind = socketPath
        return ValueKind(
            expected: kind.expected + ", or nothing",
            parse: { (text) throws(QuantityError) in text.isEmpty ? text : try kind.parse(text) },
            text: kind.text)
    }

    /// The format's rule for an origin, or the empty text.
    static var origin: Self {
        ValueKind(
            expected: "name of at most 128 bytes without “+” and white space, or nothing",
            parse: { (text) throws(QuantityError) in
                if text.utf8.count > 128 { throw QuantityError("is too long") }
                if text.contains("+") { throw QuantityError("has a “+”") }
                if text.unicodeScalars.contains(where: \.properties.isWhitespace) {
                    throw QuantityError("has white space")
                }
                return try withoutControlCharacters(text)
            },
            text: { $0 })
    }
}

extension ValueKind {
    /// A list as one text: its elements, separated by commas.
    private static func list<Element: Sendable>(
        of expected: String,
        element parse: @escaping @Sendable (String) throws(QuantityError) -> Element,
        text: @escaping @Sendable (Element) -> String
    ) -> ValueKind<[Element]> {
        ValueKind<[Element]>(
            expected: expected, form: .list,
            parse: { (joined) throws(QuantityError) in
                var elements: [Element] = []
                if joined.isEmpty { return elements }
                for part in joined.split(separator: ",", omittingEmptySubsequences: false) {
                    elements.append(try parse(trimmed(part)))
                }
                return elements
            },
            text: { $0.map(text).joined(separator: ",") })
    }
}

extension ValueKind<[UInt32]> {
    static var userIDs: Self {
        // The largest number stands for “no user” in setuid(2).
        list(
            of: "list of user ids, such as [1000, 1001]",
            element: { (text) throws(QuantityError) in
                UInt32(try checked(Count.parse(text), in: 0...Int(UInt32.max) - 1))
            },
            text: { "\($0)" })
    }
}

extension ValueKind<[String]> {
    static var names: Self {
        list(
            of: "list of names, such as [password, token]",
            element: { (text) throws(QuantityError) in
                if text.isEmpty { throw QuantityError("has an empty name") }
                return try withoutControlCharacters(text)
            },
            text: { $0 })
    }
}

extension ValueKind<[AgeRecipient]> {
    static var recipients: Self {
        list(
            of: "list of age recipients, such as [age1…]",
            element: { (text) throws(QuantityError) in
                do throws(FormatError) {
                    return try AgeRecipient(text)
                } catch {
                    throw QuantityError("has one that cannot be used: \(error.message)")
                }
            },
            text: { $0.description })
    }
}

private func withoutControlCharacters(_ text: String) throws(QuantityError) -> String {
    if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
        throw QuantityError("has a control character")
    }
    return text
}

private func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
}
