import Crypto
import Testing

@testable import CairnFormat

@Suite struct SaltsTests {
    private static func salt(_ key: [UInt8], _ sequence: UInt64) -> [UInt8] {
        var salts = Salts(saltKey: key)
        return salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] }
    }

    @Test(arguments: SaltVectors.all)
    func vectors(_ key: [UInt8], _ sequence: UInt64, _ expected: String) {
        #expect(Self.salt(key, sequence).hex == expected)
    }

    @Test func theOrderOfAskingDoesNotMatter() {
        var random = SeededRandom()
        let key = random.bytes(32)
        var salts = Salts(saltKey: key)
        let sequences: [UInt64] = (0..<60).map { _ in
            random.element([0, 1 << 20, 1 << 62]) + UInt64(random.below(3000))
        }
        for sequence in sequences {
            #expect(salts.withSalt(of: sequence) { $0.map { Array($0) } } == Self.salt(key, sequence))
        }
    }

    /// A salt depends on its sequence number and on the key alone, and no two are the same.
    @Test func noTwoAreTheSame() {
        var random = SeededRandom()
        let key = random.bytes(32)
        var salts = Salts(saltKey: key)
        var seen: Set<[UInt8]> = []
        for sequence in (0 as UInt64)..<5000 {
            seen.insert(salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] })
        }
        #expect(seen.count == 5000)
        #expect(seen.allSatisfy { $0.count == 16 })
        var other = key
        other[31] ^= 1
        #expect(Self.salt(other, 0) != Self.salt(key, 0))
    }

    /// What a redaction keeps of a group is the key of each other group: none gives a salt of the erased one, since
    /// each group key is a hash of its own.
    @Test func groupsHaveKeysOfTheirOwn() {
        #expect(Salts.groupSize == 1024)
        let next = Self.salt(SaltVectors.counting, 1024)
        // Were the keystream to run on into the next group, the first salt there would be that of counter 1024.
        #expect(SaltVectors.counter1024 != next.hex)
    }

    /// Of every length around the blocks of the hash, as another implementation says.
    @Test func leaves() {
        let salt = [UInt8](1...16)
        for count in 0..<300 {
            let line = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let leaf = salt.withUnsafeBytes { salt in line.exactly { Digest.leaf(salt: salt, line: $0) } }
            check(leaf == Digest(SHA256.hash(data: [0x00] + salt + line)))
        }
    }

    /// A leaf of a salt that is gone is that of a salt of zeros, whether some or all salts of its group are gone.
    @Test func leavesOfDestroyedSalts() {
        let line = Array("{\"_seq\":5}".utf8)
        let zeros = Digest(SHA256.hash(data: [UInt8](repeating: 0, count: 17) + line))
        var some = PuncturedSalts()
        some.salts[0] = [UInt8](repeating: 0, count: Int(Salts.groupSize) * Salts.size)
        for punctured in [some, PuncturedSalts()] {
            var salts = Salts(.punctured(punctured))
            #expect(line.exactly { salts.leaf(of: 5, line: $0) } == zeros)
        }
        var whole = Salts(saltKey: SaltVectors.counting)
        let salt = Self.salt(SaltVectors.counting, 5)
        #expect(line.exactly { whole.leaf(of: 5, line: $0) } == Digest(SHA256.hash(data: [0x00] + salt + line)))
    }
}
