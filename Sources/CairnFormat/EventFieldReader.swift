/// The fields of DESIGN's event table, as bits of `_invalid`.
private enum Field: UInt32, CaseIterable {
    case action, module, timestamp, id, actor, actorType, actorID, actorName, actorEmail, actorRoles, status, severity
    case target, targetType, targetID, targetName, tenant, ipAddress, userAgent, sessionID, request, changes
    case compliance, classification, sensitive, details, metadata

    var path: StaticString {
        switch self {
        case .action: "action"
        case .module: "module"
        case .timestamp: "timestamp"
        case .id: "id"
        case .actor: "actor"
        case .actorType: "actor.type"
        case .actorID: "actor.id"
        case .actorName: "actor.name"
        case .actorEmail: "actor.email"
        case .actorRoles: "actor.roles"
        case .status: "status"
        case .severity: "severity"
        case .target: "target"
        case .targetType: "target.type"
        case .targetID: "target.id"
        case .targetName: "target.name"
        case .tenant: "tenant"
        case .ipAddress: "ip_address"
        case .userAgent: "user_agent"
        case .sessionID: "session_id"
        case .request: "request"
        case .changes: "changes"
        case .compliance: "compliance"
        case .classification: "classification"
        case .sensitive: "sensitive"
        case .details: "details"
        case .metadata: "metadata"
        }
    }

    /// A field of the event itself by its name; first by length, so that most names cost one comparison.
    static func named(_ name: UnsafeRawBufferPointer) -> Field? {
        let candidates: [Field]
        switch name.count {
        case 2: candidates = two
        case 5: candidates = five
        case 6: candidates = six
        case 7: candidates = seven
        case 8: candidates = eight
        case 9: candidates = nine
        case 10: candidates = ten
        case 14: candidates = fourteen
        default: return nil
        }
        for field in candidates where name.isText(field.path) { return field }
        return nil
    }

    private static let two: [Field] = [.id]
    private static let five: [Field] = [.actor]
    private static let six: [Field] = [.action, .module, .status, .target, .tenant]
    private static let seven: [Field] = [.details, .request, .changes]
    private static let eight: [Field] = [.severity, .metadata]
    private static let nine: [Field] = [.timestamp, .sensitive]
    private static let ten: [Field] = [.ipAddress, .sessionID, .userAgent, .compliance]
    private static let fourteen: [Field] = [.classification]
}

/// Reads the facts of one event from the tape of its line.
struct EventFieldReader {
    private let tape: JSONTape
    private let line: UnsafeRawBufferPointer
    private let uid: UInt32
    /// Whether the line carries the daemon's stamps, whose names are refused in a received line.
    private let isStored: Bool
    private(set) var keys: [KeySet]
    private(set) var facts = EventFacts()
    private(set) var identity: EventIdentity?
    private var invalid: UInt32 = 0
    private var seen: UInt32 = 0
    /// Fields whose value is not null.
    private var present: UInt32 = 0
    private var tenant = RetentionClassEncoder.Value.absent
    private var classification = RetentionClassEncoder.Value.absent
    private var compliance = RetentionClassEncoder.Value.absent
    /// Number of the key, at the top of the line, that is being read.
    private var keyNumber = 0

    init(tape: JSONTape, line: UnsafeRawBufferPointer, uid: UInt32, isStored: Bool, keys: [KeySet]) {
        self.tape = tape
        self.line = line
        self.uid = uid
        self.isStored = isStored
        self.keys = keys
    }

    var invalidNames: [[UInt8]] {
        guard invalid != 0 else { return [] }
        return Field.allCases.filter { invalid & (1 << $0.rawValue) != 0 }.map {
            Array(UnsafeBufferPointer(start: $0.path.utf8Start, count: $0.path.utf8CodeUnitCount))
        }
    }

    /// Reads the object at the top of the tape. Tokens, module and retention class go to `batch`.
    mutating func read(_ batch: inout EventBatch) throws(Rejection) {
        keys[0].removeAll()
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
            if let field = Field.named(name) {
                let bit = UInt32(1) << field.rawValue
                guard seen & bit == 0 else { throw duplicate(name, keyOffset()) }
                seen |= bit
                try read(field, at: index + 1, &batch)
            } else if !keys[0].insert(name) {
                throw duplicate(name, keyOffset())
            }
            index = tape.next(index + 1)
            keyNumber += 1
        }
        guard present & (1 << Field.action.rawValue) != 0 else {
            throw Rejection(.missingAction, "an event needs an \"action\"", offset: 0)
        }
        guard present & (1 << Field.module.rawValue) != 0 else {
            throw Rejection(.missingModule, "an event needs a \"module\"", offset: 0)
        }
        if present & Self.retentionFields != 0 { findRetentionClass(&batch) }
    }

    private static let retentionFields: UInt32 =
        1 << Field.tenant.rawValue | 1 << Field.classification.rawValue | 1 << Field.compliance.rawValue

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
    private func checked(_ field: Field, _ index: Int) -> RetentionClassEncoder.Value {
        invalid & (1 << field.rawValue) == 0 ? .good(index) : .invalid
    }

    private mutating func read(_ field: Field, at index: Int, _ batch: inout EventBatch) throws(Rejection) {
        let kind = tape.kind(index)
        // A null says as much as no field at all; so required fields are then missing.
        guard kind != .null else { return }
        present |= 1 << field.rawValue
        switch field {
        case .action: token(.action, at: index, field, 1...255, &batch)
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
        case .actor, .target: try readParty(field, at: index, &batch)
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
        case .details: check(field, kind == .string || kind == .object)
        default: break
        }
    }

    private mutating func check(_ field: Field, _ good: Bool) {
        if !good { invalid |= 1 << field.rawValue }
    }

    private mutating func token(
        _ tokenField: TokenField, at index: Int, _ field: Field, _ sizes: ClosedRange<Int>, _ batch: inout EventBatch
    ) {
        guard tape.kind(index) == .string else {
            invalid |= 1 << field.rawValue
            facts.opaque |= 1 << UInt16(tokenField.rawValue)
            return
        }
        let value = tape.string(index)
        check(field, sizes.contains(value.count))
        batch.tokens.append(tokenField.token(value))
    }

    private mutating func readModule(_ index: Int, _ batch: inout EventBatch) {
        let name = tape.kind(index) == .string ? tape.string(index) : UnsafeRawBufferPointer(start: nil, count: 0)
        if isModuleName(name) {
            facts.module = batch.modules.insert(name)
        } else {
            invalid |= 1 << Field.module.rawValue
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
    private mutating func readParty(_ field: Field, at start: Int, _ batch: inout EventBatch) throws(Rejection) {
        guard tape.kind(start) == .object else {
            invalid |= 1 << field.rawValue
            return
        }
        let isActor = field == .actor
        keys[1].removeAll()
        var index = start + 1
        var number = 0
        while tape.kind(index) != .objectEnd {
            defer { number += 1 }
            let name = tape.string(index)
            guard keys[1].insert(name) else {
                throw duplicate(name, keyOffset(inner: number))
            }
            let value = index + 1
            let isString = tape.kind(value) == .string
            if tape.kind(value) == .null {
                index = value + 1
                continue
            }
            if name.isText("id") {
                token(isActor ? .actorID : .targetID, at: value, isActor ? .actorID : .targetID, 0...Int.max, &batch)
            } else if name.isText("type") {
                if isActor {
                    check(.actorType, isString)
                } else {
                    token(.targetType, at: value, .targetType, 0...Int.max, &batch)
                }
            } else if name.isText("name") {
                check(isActor ? .actorName : .targetName, isString)
            } else if isActor, name.isText("email") {
                token(.actorEmail, at: value, .actorEmail, 0...Int.max, &batch)
            } else if isActor, name.isText("roles") {
                check(.actorRoles, tape.kind(value) == .array && allElements(of: value, are: .string))
            }
            index = tape.next(value)
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

/// The names of one object, to find one that stands there twice. Small objects, which nearly all are, are compared
/// name by name; larger ones through a table, so that no input costs the square of its size.
struct KeySet {
    /// Hashed with the process's random seed, so that nobody can choose names that collide.
    private struct Name: Hashable {
        let bytes: UnsafeRawBufferPointer

        static func == (a: Name, b: Name) -> Bool { a.bytes.elementsEqual(b.bytes) }

        func hash(into hasher: inout Hasher) { hasher.combine(bytes: bytes) }
    }

    private var keys: [(hash: UInt64, name: Name)] = []
    private var table: Set<Name> = []
    private static let few = 16

    mutating func removeAll() {
        keys.removeAll(keepingCapacity: true)
        if !table.isEmpty { table = [] }
    }

    /// False if the name was there already. The bytes stay valid as long as the tape.
    mutating func insert(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let name = Name(bytes: bytes)
        if table.isEmpty {
            let hash = XXH64.hash(bytes, seed: 0)
            for key in keys where key.hash == hash && key.name == name { return false }
            keys.append((hash, name))
            if keys.count > KeySet.few { table = Set(keys.map(\.name)) }
            return true
        }
        return table.insert(name).inserted
    }
}

extension UnsafeRawBufferPointer {
    package func isText(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount, let baseAddress else { return text.utf8CodeUnitCount == count }
        return equal(baseAddress, text.utf8Start, count)
    }
}
