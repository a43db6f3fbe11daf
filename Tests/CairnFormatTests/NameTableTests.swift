import Testing

@testable import CairnFormat

@Suite struct NameTableTests {
    @Test(arguments: [7, 700])
    func numbersInOrderOfAppearance(_ length: Int) {
        var table = NameTable()
        func name(_ number: Int) -> [UInt8] { Array("\(String(repeating: "x", count: length))\(number)".utf8) }
        for number in 0..<3000 {
            check(name(number).withUnsafeBytes { table.find($0) } == nil)
            check(name(number).withUnsafeBytes { table.insert($0) } == UInt16(number))
            // The same once more, and another one, since the last is looked at first.
            check(name(number).withUnsafeBytes { table.insert($0) } == UInt16(number))
            check(name(number / 2).withUnsafeBytes { table.insert($0) } == UInt16(number / 2))
        }
        for number in 0..<3000 {
            check(name(number).withUnsafeBytes { table.insert($0) } == UInt16(number))
            check(name(number).withUnsafeBytes { table.find($0) } == UInt16(number))
            check(table.names[number] == name(number))
        }
        #expect(table.count == 3000)
        table.removeAll()
        #expect(table.count == 0)
        #expect(name(0).withUnsafeBytes { table.find($0) } == nil)
        #expect(name(2999).withUnsafeBytes { table.find($0) } == nil)
        #expect(name(2999).withUnsafeBytes { table.insert($0) } == 0)
    }

    /// Names of which one begins with the other are not the same, nor is the empty one missing.
    @Test func comparesWholeNames() {
        var table = NameTable()
        for (number, name) in ["a", "ab", "", "abc", "b"].enumerated() {
            #expect(Array(name.utf8).withUnsafeBytes { table.insert($0) } == UInt16(number))
        }
        #expect(table.find(UnsafeRawBufferPointer(start: nil, count: 0)) == 2)
        #expect(table.insert(UnsafeRawBufferPointer(start: nil, count: 0)) == 2)
        #expect(table.count == 5)
    }

    @Test func whatWasLookedUpLastMakesNoDifference() {
        var (first, second) = (NameTable(), NameTable())
        for name in ["a", "b"] { _ = Array(name.utf8).withUnsafeBytes { first.insert($0) } }
        for name in ["a", "b", "a"] { _ = Array(name.utf8).withUnsafeBytes { second.insert($0) } }
        #expect(first == second)
        _ = Array("c".utf8).withUnsafeBytes { second.insert($0) }
        #expect(first != second)
    }
}
