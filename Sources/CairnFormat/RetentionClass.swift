/// What rules of retention ask of an event besides its module and its age, as an index says it. Format.md, "Retention
/// classes and tallies".
///
/// Texts are to be compared by their bytes (`utf8`): String's own equality holds between different texts that look the
/// same.
package struct RetentionClass: Sendable, Hashable {
    /// Nil: the event states none, or it is not known.
    package var tenant: String?
    /// One of ``classifications``; nil: the event states none, or it is not known.
    package var classification: String?
    /// Its tags, sorted by their bytes; empty: the event states none, or they are not known.
    package var compliance: [String] = []
    /// Whether the tenant may be any: what the event states has no place in an index.
    package var isTenantUnknown = false
    /// Whether the classification may be any.
    package var isClassificationUnknown = false
    /// Whether the tags may be any.
    package var isComplianceUnknown = false

    package init() {}

    /// Of events that may be of any class.
    package static var anything: RetentionClass {
        var anything = RetentionClass()
        (anything.isTenantUnknown, anything.isClassificationUnknown, anything.isComplianceUnknown) = (true, true, true)
        return anything
    }

    /// Whether nothing at all is known.
    package var isUnknown: Bool { isTenantUnknown && isClassificationUnknown && isComplianceUnknown }

    /// The values that `classification` may have.
    package static let classifications: [StaticString] = [
        "PUBLIC", "INTERNAL", "CONFIDENTIAL", "RESTRICTED", "TOP_SECRET",
    ]

    fileprivate static let tenantFlag: UInt8 = 1
    fileprivate static let classificationFlag: UInt8 = 2
    fileprivate static let complianceFlag: UInt8 = 4

    /// The class of events without any of the three fields, encoded.
    static let none: [UInt8] = [0, 0, 0, 0]
    /// The class of events of which nothing is known; so it is also that of those for which a table has no room.
    static let unknown: [UInt8] = [tenantFlag | classificationFlag | complianceFlag, 0, 0, 0]

    /// Reads the one encoding that there is of each class.
    init(_ reader: inout ByteReader) throws(FormatError) {
        let flags = try reader.integer(UInt8.self)
        isTenantUnknown = flags & Self.tenantFlag != 0
        isClassificationUnknown = flags & Self.classificationFlag != 0
        isComplianceUnknown = flags & Self.complianceFlag != 0
        classification = try Self.text(&reader)
        let tagCount = try reader.integer(UInt8.self)
        for _ in 0..<tagCount {
            let tag = try Self.text(&reader) ?? ""
            guard tag.utf8.count <= Limits.tag, compliance.last.map({ byteOrder($0, tag) }) ?? true else {
                throw FormatError(.malformed, "the tags of a class are not in order", at: UInt64(reader.offset))
            }
            compliance.append(tag)
        }
        tenant = try Self.text(&reader)
        let isKnown = classification.map { name in Self.classifications.contains { "\($0)" == name } } ?? true
        let fits = tagCount <= Limits.tags && (tenant?.utf8.count ?? 0) <= Limits.tenant
        let isEmpty =
            (!isTenantUnknown || tenant == nil) && (!isClassificationUnknown || classification == nil)
            && (!isComplianceUnknown || tagCount == 0)
        guard flags & ~7 == 0, isKnown, fits, isEmpty else {
            throw FormatError(.malformed, "a retention class breaks a rule of the index", at: UInt64(reader.offset))
        }
    }

    /// Nil if it is empty.
    private static func text(_ reader: inout ByteReader) throws(FormatError) -> String? {
        let count = try Int(reader.integer(UInt8.self))
        guard let text = try String(validating: reader.slice(count), as: UTF8.self) else {
            throw FormatError(.malformed, "a text of the index is not UTF-8", at: UInt64(reader.offset))
        }
        return text.isEmpty ? nil : text
    }
}

/// Encodes the class of one event in memory that it is given, so that it allocates nothing.
struct RetentionClassEncoder {
    /// Bytes that it may need: flags, three lengths, and what the limits allow.
    static let size = 4 + 12 + Limits.tags * (1 + Limits.tag) + Limits.tenant

    /// One of the three fields.
    enum Value {
        /// Not there, or null.
        case absent
        /// Of a wrong type, or outside of its list.
        case invalid
        /// What the field asks for, at this index of the tape.
        case good(Int)
    }

    private let tape: JSONTape
    private let output: UnsafeMutableRawBufferPointer
    private var end = 1

    init(_ tape: JSONTape, _ output: UnsafeMutableRawBufferPointer) {
        self.tape = tape
        self.output = output
    }

    /// The class, in the memory that was given.
    mutating func encode(tenant: Value, classification: Value, compliance: Value) -> UnsafeRawBufferPointer {
        output[0] = 0
        append(classification, limit: 12, RetentionClass.classificationFlag)
        appendTags(compliance)
        append(tenant, limit: Limits.tenant, RetentionClass.tenantFlag)
        return UnsafeRawBufferPointer(rebasing: output[..<end])
    }

    private mutating func append(_ value: Value, limit: Int, _ flag: UInt8) {
        var text = UnsafeRawBufferPointer(start: nil, count: 0)
        switch value {
        case .absent: break
        case .invalid: output[0] |= flag
        case .good(let index):
            text = tape.string(index)
            if text.count > limit {
                output[0] |= flag
                text = UnsafeRawBufferPointer(start: nil, count: 0)
            }
        }
        put(text, at: end)
        end += 1 + text.count
    }

    private func put(_ text: UnsafeRawBufferPointer, at place: Int) {
        output[place] = UInt8(truncatingIfNeeded: text.count)
        UnsafeMutableRawBufferPointer(rebasing: output[(place + 1)...]).copyMemory(from: text)
    }

    private mutating func appendTags(_ value: Value) {
        let start = end
        output[start] = 0
        end += 1
        switch value {
        case .absent: return
        case .invalid: break
        case .good(var index):
            index += 1
            while tape.kind(index) != .arrayEnd, insert(tape.string(index), start) { index += 1 }
            if tape.kind(index) == .arrayEnd { return }
        }
        output[0] |= RetentionClass.complianceFlag
        output[start] = 0
        end = start + 1
    }

    /// Puts a tag into its place among those that follow their number at `start`; false if it has none.
    private mutating func insert(_ tag: UnsafeRawBufferPointer, _ start: Int) -> Bool {
        guard tag.count <= Limits.tag else { return false }
        var place = start + 1
        while place < end {
            let next = place + 1 + Int(output[place])
            let order = byteOrder(tag, UnsafeRawBufferPointer(rebasing: output[(place + 1)..<next]))
            if order == 0 { return true }
            if order < 0 { break }
            place = next
        }
        guard output[start] < Limits.tags else { return false }
        let behind = UnsafeRawBufferPointer(rebasing: output[place..<end])
        UnsafeMutableRawBufferPointer(rebasing: output[(place + 1 + tag.count)...]).copyMemory(from: behind)
        put(tag, at: place)
        output[start] += 1
        end += 1 + tag.count
        return true
    }
}
