/// Finds out which names of an event are known, and which stand there twice. One owner at a time.
final class EventNames {
    private let fields = EventField.names
    private let members = PartyMember.names
    /// The names that are not known: of the event, and of the object inside it that is being read.
    @exclusivity(unchecked) var top = KeySet()
    @exclusivity(unchecked) var nested = KeySet()

    @inline(__always)
    func field(_ name: ShortText) -> EventField? { fields.find(name) }

    @inline(__always)
    func member(_ name: ShortText) -> PartyMember? { members.find(name) }
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

    private var keys: [(short: ShortText, name: Name)] = []
    private var table: Set<Name> = []
    private static let few = 16

    mutating func removeAll() {
        if !keys.isEmpty { keys.removeAll(keepingCapacity: true) }
        if !table.isEmpty { table = [] }
    }

    /// False if the name was there already. The bytes stay valid as long as the tape.
    mutating func insert(_ bytes: UnsafeRawBufferPointer) -> Bool { insert(bytes, ShortText(bytes)) }

    mutating func insert(_ bytes: UnsafeRawBufferPointer, _ short: ShortText) -> Bool {
        let name = Name(bytes: bytes)
        guard table.isEmpty else { return table.insert(name).inserted }
        for key in keys where key.short == short && (short.count <= ShortText.limit || key.name == name) {
            return false
        }
        keys.append((short, name))
        if keys.count > KeySet.few { table = Set(keys.map(\.name)) }
        return true
    }
}
