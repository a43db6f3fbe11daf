/// Reads the facts of one event from the tape of its line.
struct EventFieldReader {
    private let tape: JSONTape
    private let line: UnsafeRawBufferPointer
    private let uid: UInt32
    /// Whether the line carries the daemon's stamps, whose names are refused in a received line.
    private let isStored: Bool
    private(set) var facts = EventFacts()
    private(set) var identity: EventIdentity?
    private var invalid: UInt32 = 0
    private var seen: UInt32 = 0
    /// Fields whose value is not null.
    private var present: UInt32 = 0
    private var tenant = RetentionClassEncoder.Value.absent
    private var classification = RetentionClassEncoder.Value.absent
    private var compliance = RetentionClassEncoder.Value.absent
    /// Where the values of the searched fields stand on the tape.
    private var searched = InlineArray<4, Int>(repeating: 0)
    /// Number of the key, at the top of the line, that is being read.
    private var keyNumber = 0

    init(tape: JSONTape, line: UnsafeRawBufferPointer, uid: UInt32, isStored: Bool) {
        self.tape = tape
        self.line = line
        self.uid = uid
        self.isStored = isStored
    }

    var invalidNames: [[UInt8]] {
        guard invalid != 0 else { return [] }
        return EventField.allCases.filter { invalid & (1 << $0.rawValue) != 0 }.map {
            Array(UnsafeBufferPointer(start: $0.path.utf8Start, count: $0.path.utf8CodeUnitCount))
        }
    }

    /// Reads the object at the top of the tape. Tokens, texts, module and retention class go to `batch`.
    mutating func read(_ batch: inout EventBatch, _ names: EventNames) throws(Rejection) {
        names.top.removeAll()
        var index = 2
        while tape.kind(index) != .objectEnd {
            let name = tape.string(index)
            if name.first == UInt8(ascii: "_") {
                if isStored {
                    index = tape.next(index + 1)
                    keyNumber += 1
                    continue
                }
                throw Rejection(
                    .reservedName, "names that begin with \"_\" belong to the daemon", offset: keyOffset())
            }
            let short = ShortText(name)
            if let field = names.field(short) {
                let bit = UInt32(1) << field.rawValue
                guard seen & bit == 0 else { throw duplicate(name, keyOffset()) }
                seen |= bit
                try read(field, at: index + 1, &batch, names)
            } else if !names.top.insert(name, short) {
                throw duplicate(name, keyOffset())
            }
            index = tape.next(index + 1)
            keyNumber += 1
        }
        guard present & (1 << EventField.action.rawValue) != 0 else {
            throw Rejection(.missingAction, "an event needs an \"action\"", offset: 0)
        }
        guard present & (1 << EventField.module.rawValue) != 0 else {
            throw Rejection(.missingModule, "an event needs a \"module\"", offset: 0)
        }
        if present & Self.retentionFields != 0 { findRetentionClass(&batch) }
        batch.terms.texts.append(tape, searched, size: line.count)
    }

    private static let retentionFields: UInt32 =
        1 << EventField.tenant.rawValue | 1 << EventField.classification.rawValue | 1 << EventField.compliance.rawValue

    private mutating func findRetentionClass(_ batch: inout EventBatch) {
        facts.retentionClass = withUnsafeTemporaryAllocation(
            byteCount: RetentionClassEncoder.size, alignment: 1
        ) { memory in
            var encoder = RetentionClassEncoder(tape, memory)
            return batch.classes.insert(
                encoder.encode(tenant: tenant, classification: classification, compliance: compliance))
        }
    }

    /// A value of one of the fields that make the retention class, once it was checked.
    private func checked(_ field: EventField, _ index: Int) -> RetentionClassEncoder.Value {
        invalid & (1 << field.rawValue) == 0 ? .good(index) : .invalid
    }

    private mutating func read(
        _ field: EventField, at index: Int, _ batch: inout EventBatch, _ names: EventNames
    ) throws(Rejection) {
        let kind = tape.kind(index)
        // A null says as much as no field at all; so required fields are then missing.
        guard kind != .null else { return }
        present |= 1 << field.rawValue
        switch field {
        case .action:
            token(.action, at: index, field, 1...255, &batch)
            searched[Int(SearchedField.action.rawValue)] = index
        case .module: readModule(index, &batch)
        case .timestamp:
            facts.time = kind == .string ? Time(rfc3339: tape.string(index)) : nil
            check(field, facts.time != nil)
        case .id:
            token(.id, at: index, field, 1...128, &batch)
            facts.hasID = true
            if kind == .string, (1...128).contains(tape.string(index).count) {
                identity = EventIdentity(uid: uid, id: tape.string(index))
            }
        case .actor, .target:
            try readParty(field, at: index, &batch, names)
            searched[Int((field == .actor ? SearchedField.actor : .target).rawValue)] = index
        case .status: readStatus(index)
        case .severity: readSeverity(index)
        case .tenant:
            token(.tenant, at: index, field, 0...Int.max, &batch)
            tenant = checked(field, index)
        case .sessionID: token(.sessionID, at: index, field, 0...Int.max, &batch)
        case .ipAddress:
            token(.ipAddress, at: index, field, 0...Int.max, &batch)
            if kind == .string { check(field, IPAddressText.isValid(tape.string(index))) }
        case .userAgent: check(field, kind == .string)
        case .request, .metadata: check(field, kind == .object)
        case .changes: check(field, kind == .object && allValues(of: index, in: [.object]))
        case .compliance:
            check(field, kind == .array && allElements(of: index, are: .string))
            compliance = checked(field, index)
        case .classification:
            check(field, kind == .string && RetentionClass.classifications.contains { tape.string(index).isText($0) })
            classification = checked(field, index)
        case .sensitive: check(field, kind == .yes || kind == .no)
        case .details:
            check(field, kind == .string || kind == .object)
            searched[Int(SearchedField.details.rawValue)] = index
        default: break
        }
    }

    private mutating func check(_ field: EventField, _ good: Bool) {
        if !good { invalid |= 1 << field.rawValue }
    }

    private mutating func token(
        _ tokenField: TokenField, at index: Int, _ field: EventField, _ sizes: ClosedRange<Int>,
        _ batch: inout EventBatch
    ) {
        guard tape.kind(index) == .string else {
            invalid |= 1 << field.rawValue
            facts.opaque |= 1 << UInt16(tokenField.rawValue)
            return
        }
        let value = tape.string(index)
        check(field, sizes.contains(value.count))
        batch.terms.tokens.append(tokenField.token(value))
    }

    private mutating func readModule(_ index: Int, _ batch: inout EventBatch) {
        let name = tape.kind(index) == .string ? tape.string(index) : UnsafeRawBufferPointer(start: nil, count: 0)
        if let known = batch.modules.find(name), !EventFacts.invalidModule.elementsEqual(name) {
            // It was looked at before.
            facts.module = known
        } else if isModuleName(name) {
            facts.module = batch.modules.insert(name)
        } else {
            invalid |= 1 << EventField.module.rawValue
            facts.module = EventFacts.invalidModule.withUnsafeBytes { batch.modules.insert($0) }
        }
    }

    private mutating func readStatus(_ index: Int) {
        if tape.kind(index) == .string { facts.status = EventStatus(named: tape.string(index)) ?? .other }
        check(.status, facts.status != .other)
    }

    private mutating func readSeverity(_ index: Int) {
        if tape.kind(index) == .string { facts.severity = EventSeverity(named: tape.string(index)) ?? .other }
        check(.severity, facts.severity != .other)
    }

    /// `actor` or `target`.
    private mutating func readParty(
        _ field: EventField, at start: Int, _ batch: inout EventBatch, _ names: EventNames
    ) throws(Rejection) {
        guard tape.kind(start) == .object else {
            invalid |= 1 << field.rawValue
            return
        }
        let isActor = field == .actor
        var members: UInt32 = 0
        names.nested.removeAll()
        var index = start + 1
        var number = 0
        while tape.kind(index) != .objectEnd {
            let name = tape.string(index)
            let short = ShortText(name)
            let member = names.member(short)
            let isNew: Bool
            if let member {
                isNew = members & 1 << UInt32(member.rawValue) == 0
                members |= 1 << UInt32(member.rawValue)
            } else {
                isNew = names.nested.insert(name, short)
            }
            guard isNew else { throw duplicate(name, keyOffset(inner: number)) }
            let value = index + 1
            if let member, tape.kind(value) != .null { read(member, at: value, isActor: isActor, &batch) }
            index = tape.next(value)
            number += 1
        }
    }

    private mutating func read(
        _ member: PartyMember, at value: Int, isActor: Bool, _ batch: inout EventBatch
    ) {
        let isString = tape.kind(value) == .string
        switch member {
        case .id:
            token(isActor ? .actorID : .targetID, at: value, isActor ? .actorID : .targetID, 0...Int.max, &batch)
        case .type where isActor: check(.actorType, isString)
        case .type: token(.targetType, at: value, .targetType, 0...Int.max, &batch)
        case .name: check(isActor ? .actorName : .targetName, isString)
        case .email where isActor: token(.actorEmail, at: value, .actorEmail, 0...Int.max, &batch)
        case .roles where isActor:
            check(.actorRoles, tape.kind(value) == .array && allElements(of: value, are: .string))
        case .email, .roles: break
        }
    }

    private func allElements(of array: Int, are kind: JSONTape.Kind) -> Bool {
        var index = array + 1
        while tape.kind(index) != .arrayEnd {
            guard tape.kind(index) == kind else { return false }
            index = tape.next(index)
        }
        return true
    }

    private func allValues(of object: Int, in kinds: [JSONTape.Kind]) -> Bool {
        var index = object + 1
        while tape.kind(index) != .objectEnd {
            guard kinds.contains(tape.kind(index + 1)) else { return false }
            index = tape.next(index + 1)
        }
        return true
    }

    private func duplicate(_ name: UnsafeRawBufferPointer, _ offset: Int) -> Rejection {
        let shown = String(decoding: name.prefix(64), as: UTF8.self)
        return Rejection(.duplicateKey, "the name \"\(shown)\" stands there twice", offset: offset)
    }

    /// Where the key that is being read stands in the line, or the key of number `inner` in the object under it.
    private func keyOffset(inner: Int? = nil) -> Int {
        var text = JSONText(line)
        var (top, nested) = (-1, -1)
        while let (token, range) = try? text.next() {
            guard token == .key else { continue }
            switch text.depth {
            case 1: top += 1
            case 2 where top == keyNumber: nested += 1
            default: continue
            }
            if top == keyNumber, nested == inner ?? -1 { return range.lowerBound }
        }
        return 0
    }
}

/// `[a-z0-9_.-]{1,64}`
package func isModuleName(_ name: some Collection<UInt8>) -> Bool {
    (1...64).contains(name.count)
        && name.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
}

extension UnsafeRawBufferPointer {
    package func isText(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount, let baseAddress else { return text.utf8CodeUnitCount == count }
        return equal(baseAddress, text.utf8Start, count)
    }
}
