import CairnFormat
import CairnReader
import Glibc

/// A filter in the first line, events in the others.
final class FilterCheck: FuzzCheck {
    private let arena = GuardedBytes()
    private let parser: JSONParser

    init() throws(FormatError) { parser = try JSONParser() }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let lines = input.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let first = lines.first, let text = String(validating: first, as: UTF8.self),
            let filter = try QueryText.parsed(text, { text throws(QuerySyntaxError) in try Filter(text) })
        else { return false }
        let printed = filter.description
        let again: Filter
        do throws(QuerySyntaxError) {
            again = try Filter(printed)
        } catch {
            throw PropertyFailure("a printed filter cannot be read: \(error)")
        }
        // By bytes: String's own equality holds between different texts that look the same.
        try agree(encoded: Array(again.description.utf8), Array(printed.utf8), "the filter")
        try agree(again, filter, "the filter that was printed")
        for line in lines.dropFirst() { try checkMatching(filter, again, Array(line)) }
        return true
    }

    private func checkMatching(_ filter: Filter, _ again: Filter, _ line: [UInt8]) throws(PropertyFailure) {
        try arena.place(line, padding: JSONParser.padding) { line throws(PropertyFailure) in
            guard let tape = try? parser.parse(line), tape.kind(1) == .object else { return }
            let matcher = FilterMatcher(filter)
            let matches = matcher.matches(tape, line: line)
            try require(!matches || matcher.mayMatch(line), "the look at the bytes leaves out a match")
            try agree(FilterMatcher(again).matches(tape, line: line), matches, "whether the printed filter matches")
            guard let only = filter.terms.first, filter.terms.count == 1 else { return }
            var negated = filter
            if case .not(let term) = only { negated.terms = [term] } else { negated.terms = [.not(only)] }
            try agree(FilterMatcher(negated).matches(tape, line: line), !matches, "whether the opposite matches")
        }
    }
}

/// Times: RFC 3339, and as people write them.
final class TimeCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let time = Time(rfc3339: input)
        guard let text = String(validating: input, as: UTF8.self) else {
            try require(time == nil, "a time that is not UTF-8")
            return false
        }
        if let time { try checkPrinting(time) }
        let found = try QueryText.parsed(text) { text throws(QuerySyntaxError) in
            try TimeExpression.parse(text, now: Fixture.time, utc: true)
        }
        if let time { try agree(found, time, "the same text as an expression") }
        for now in [Time.distantPast, .distantFuture] { _ = try? TimeExpression.parse(text, now: now, utc: true) }
        return found != nil
    }

    private func checkPrinting(_ time: Time) throws(PropertyFailure) {
        try agree(Time(rfc3339: time.description), time, "the time that was printed")
        var stamp: [UInt8] = []
        time.append(to: &stamp, fractionDigits: 6)
        let whole = stamp.withUnsafeBytes { Time(rfc3339: $0) }
        // The first microsecond of all begins before the first time.
        let isFirst = time.nanoseconds < .min + 1000
        try require(isFirst || whole == time.wholeMicroseconds, "the stamp \(String(decoding: stamp, as: UTF8.self))")
    }
}

enum QueryText {
    /// The result, or nil where the text is refused; the error names a place in it.
    static func parsed<R>(
        _ text: String, _ body: (String) throws(QuerySyntaxError) -> R
    ) throws(PropertyFailure) -> R? {
        do throws(QuerySyntaxError) {
            return try body(text)
        } catch {
            let columns = 1...(text.count + 1)
            try require(columns.contains(error.column), "the error names column \(error.column) of \(text.count)")
            try require(!error.description.isEmpty, "an error without a text")
            return nil
        }
    }
}

/// IP addresses: the quick check, the reader and inet_pton(3) agree.
final class AddressCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = IPAddressText.bytes(input)
        try agree(IPAddressText.isValid(input), bytes != nil, "whether it is an address")
        // To C a text ends with its first NUL.
        if !input.contains(0) { try agree(bytes, AddressCheck.system(Array(input)), "the address by inet_pton") }
        return bytes != nil
    }

    private static func system(_ text: [UInt8]) -> [UInt8]? {
        let isVersion6 = text.contains(UInt8(ascii: ":"))
        var address = [UInt8](repeating: 0, count: isVersion6 ? 16 : 4)
        let result = (text + [0]).withUnsafeBufferPointer { text in
            text.withMemoryRebound(to: CChar.self) { text in
                inet_pton(isVersion6 ? AF_INET6 : AF_INET, text.baseAddress, &address)
            }
        }
        return result == 1 ? address : nil
    }
}
