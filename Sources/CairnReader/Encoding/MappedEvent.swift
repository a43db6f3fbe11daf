import CairnFormat

/// The fields of an event that other schemas have places for.
enum MappedField: Int, CaseIterable {
    case sequence, received, uid, pid, own, redacted, redactionReason
    case timestamp, action, module, id, status, severity
    case actorType, actorID, actorName, actorEmail, actorRoles
    case targetType, targetID, targetName
    case tenant, ipAddress, userAgent, sessionID
    case message, details, detailsMessage

    var path: [String] {
        switch self {
        case .sequence: ["_seq"]
        case .received: ["_received"]
        case .uid: ["_uid"]
        case .pid: ["_pid"]
        case .own: ["_own"]
        case .redacted: ["_redacted"]
        case .redactionReason: ["_redacted", "reason"]
        case .timestamp: ["timestamp"]
        case .action: ["action"]
        case .module: ["module"]
        case .id: ["id"]
        case .status: ["status"]
        case .severity: ["severity"]
        case .actorType: ["actor", "type"]
        case .actorID: ["actor", "id"]
        case .actorName: ["actor", "name"]
        case .actorEmail: ["actor", "email"]
        case .actorRoles: ["actor", "roles"]
        case .targetType: ["target", "type"]
        case .targetID: ["target", "id"]
        case .targetName: ["target", "name"]
        case .tenant: ["tenant"]
        case .ipAddress: ["ip_address"]
        case .userAgent: ["user_agent"]
        case .sessionID: ["session_id"]
        case .message: ["message"]
        case .details: ["details"]
        case .detailsMessage: ["details", "message"]
        }
    }
}

/// Finds the mapped fields of one event after the other.
struct EventMapping: Sendable {
    private let selection = FieldSelection(MappedField.allCases.map(\.path))
    private var findings: FieldSelection.Findings
    private let bits: [UInt64]

    init() {
        findings = selection.makeFindings()
        let selection = selection
        bits = MappedField.allCases.map { selection.bit($0.rawValue) }
    }

    mutating func find(in tape: JSONTape, line: UnsafeRawBufferPointer) {
        selection.find(in: tape, line: line, locating: [], into: &findings)
    }

    /// Calls `body` with the event that was looked at last.
    @inline(__always)
    func withEvent(_ tape: JSONTape, line: UnsafeRawBufferPointer, _ body: (MappedEvent) -> Void) {
        selection.withNames(tape) { names in
            selection.withPlaces(findings) { places in
                bits.withUnsafeBufferPointer { bits in
                    body(MappedEvent(tape: tape, line: line, places: places, bits: bits, names: names))
                }
            }
        }
    }
}

/// An event whose fields go to places of another schema. It knows which of them have found one, so that the rest can be
/// told, and nothing is lost.
struct MappedEvent {
    let tape: JSONTape
    let line: UnsafeRawBufferPointer
    fileprivate let places: FieldSelection.Places
    fileprivate let bits: UnsafeBufferPointer<UInt64>
    fileprivate let names: FieldSelection.Names
    private var used: UInt64 = 0

    fileprivate init(
        tape: JSONTape, line: UnsafeRawBufferPointer, places: FieldSelection.Places,
        bits: UnsafeBufferPointer<UInt64>, names: FieldSelection.Names
    ) {
        (self.tape, self.line, self.places, self.bits, self.names) = (tape, line, places, bits, names)
    }

    // MARK: Values

    @inline(__always)
    func place(_ field: MappedField) -> FieldSelection.Place { places[field.rawValue] }

    /// The type as the tape has it, 0 if the field is not there.
    @inline(__always)
    func type(_ field: MappedField) -> UInt8 {
        let place = place(field)
        return place.isFound ? tape.type(at: Int(place.index)) : 0
    }

    /// The value if it is a string that is not empty.
    @inline(__always)
    func text(_ field: MappedField) -> UnsafeRawBufferPointer? {
        guard type(field) == UInt8(ascii: "\"") else { return nil }
        let text = tape.text(at: Int(place(field).index))
        return text.isEmpty ? nil : text
    }

    /// Whether ``ByteWriter/append(scalar:of:)`` can write the value: a string that is not empty, a number, or a truth
    /// value. Fields that should be strings can be any of them.
    @inline(__always)
    func hasScalar(_ field: MappedField) -> Bool {
        switch type(field) {
        case UInt8(ascii: "\""): text(field) != nil
        case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"), UInt8(ascii: "t"), UInt8(ascii: "f"): true
        default: false
        }
    }

    /// The first of the fields with a scalar.
    func first(_ a: MappedField, _ b: MappedField, _ c: MappedField? = nil) -> MappedField? {
        if hasScalar(a) { return a }
        if hasScalar(b) { return b }
        if let c, hasScalar(c) { return c }
        return nil
    }

    @inline(__always)
    func time(_ field: MappedField) -> Time? { text(field).flatMap { Time(rfc3339: $0) } }

    /// `status`, if it is one of the list.
    var status: EventStatus {
        guard let text = text(.status) else { return .other }
        if text.equals("success") { return .success }
        if text.equals("failed") { return .failed }
        if text.equals("info") { return .info }
        return text.equals("warning") ? .warning : .other
    }

    /// `severity`, if it is one of the list.
    var severity: EventSeverity {
        guard let text = text(.severity) else { return .other }
        if text.equals("low") { return .low }
        if text.equals("medium") { return .medium }
        if text.equals("high") { return .high }
        return text.equals("critical") ? .critical : .other
    }

    /// What it says in words: its message, or why it was erased.
    var messageField: MappedField? {
        for field in [MappedField.message, .detailsMessage, .details, .redactionReason] where text(field) != nil {
            return field
        }
        return nil
    }

    /// Whether the content of the event was erased: then it has a number, and little more.
    var isErased: Bool { type(.redacted) == UInt8(ascii: "{") }

    var isOwn: Bool { type(.own) == UInt8(ascii: "t") }

    var hasActor: Bool { hasScalar(.actorName) || hasScalar(.actorID) || hasScalar(.actorEmail) }

    var hasTarget: Bool { hasScalar(.targetName) || hasScalar(.targetID) }

    /// Whether `ip_address` is an address.
    var hasAddress: Bool { text(.ipAddress).map { IPAddressText.isValid($0) } ?? false }

    /// The value if it is a whole number that is not negative.
    private func integer(_ field: MappedField) -> UInt64? {
        let place = place(field)
        guard place.isFound, let number = tape.signedInteger(at: Int(place.index)), !number.isNegative else {
            return nil
        }
        guard place.end > 0 else { return number.magnitude }
        // In a line with a number that no 64-bit type holds, the tape has no number longer than a digit.
        var value: UInt64 = 0
        for byte in line.part(place.range) {
            let (product, isTooLong) = value.multipliedReportingOverflow(by: 10)
            let digit = byte &- UInt8(ascii: "0")
            let (sum, isTooLarge) = product.addingReportingOverflow(UInt64(digit))
            guard digit < 10, !isTooLong, !isTooLarge else { return nil }
            value = sum
        }
        return value
    }

    // MARK: Places

    /// The value of the field has found a place.
    @inline(__always)
    mutating func use(_ field: MappedField) { used |= bits[field.rawValue] }

    /// The value of the field if it is a whole number, which has found a place then.
    mutating func use(integer field: MappedField) -> UInt64? {
        guard let number = integer(field) else { return nil }
        use(field)
        return number
    }

    /// Appends the members of the event that have found no place, and the parts of them that have not.
    func appendRest(to writer: inout ByteWriter) {
        var rest = FieldSelection.Rest(tape, line: line, names: names, used: used)
        rest.append(to: &writer)
    }

    /// Appends them as an object, `"name":{…}`, unless there are none.
    func appendRest(_ name: StaticString, to writer: inout ByteWriter) {
        let mark = writer.mark
        writer.open(name)
        appendRest(to: &writer)
        if writer.needsComma { writer.close() } else { writer.goBack(to: mark) }
    }
}

extension ActivityTable {
    /// What kind of activity an event tells of.
    func activity(_ event: MappedEvent) -> Activity {
        var facts = Facts()
        facts.module = event.text(.module) ?? facts.module
        facts.action = event.text(.action) ?? facts.action
        facts.target = target(event)
        facts.hasTarget = event.hasTarget
        facts.hasActor = event.hasActor || event.hasAddress
        facts.isOwn = event.isOwn
        return activity(facts)
    }

    /// What the type of its target says.
    func target(_ event: MappedEvent) -> TargetWords { event.text(.targetType).map { target($0) } ?? [] }
}

extension ByteWriter {
    /// Appends the value of the field as a JSON string, what is no string by its JSON text, and counts it as used.
    mutating func append(scalar field: MappedField, of event: inout MappedEvent) {
        event.use(field)
        let place = event.place(field)
        if event.type(field) == UInt8(ascii: "\"") {
            append(jsonString: event.tape.text(at: Int(place.index)))
        } else {
            append(UInt8(ascii: "\""))
            append(jsonAt: place, event.tape, event.line)
            append(UInt8(ascii: "\""))
        }
    }

    /// Appends it as a member, if it has a scalar.
    @inline(__always)
    mutating func append(_ name: StaticString, _ field: MappedField, of event: inout MappedEvent) {
        guard event.hasScalar(field) else { return }
        append(name: name)
        append(scalar: field, of: &event)
    }
}
