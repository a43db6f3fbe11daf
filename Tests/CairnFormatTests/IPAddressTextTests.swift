import CairnFormat
import Glibc
import Testing

@Suite struct IPAddressTextTests {
    @Test(arguments: [
        ("0.0.0.0", "00000000"), ("10.1.2.3", "0a010203"), ("255.255.255.255", "ffffffff"),
        ("1.20.100.249", "011464f9"),
        ("::", "00000000000000000000000000000000"), ("::1", "00000000000000000000000000000001"),
        ("1::", "00010000000000000000000000000000"), ("2001:db8::8:800:200C:417A", "20010db80000000000080800200c417a"),
        ("1:2:3:4:5:6:7:8", "00010002000300040005000600070008"),
        ("1:2:3:4:5:6:7::", "00010002000300040005000600070000"),
        ("::2:3:4:5:6:7:8", "00000002000300040005000600070008"),
        ("::ffff:10.1.2.3", "00000000000000000000ffff0a010203"),
        ("::10.1.2.3", "0000000000000000000000000a010203"),
        ("1:2:3:4:5:6:10.1.2.3", "0001000200030004000500060a010203"),
        ("64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"), ("FF02::1", "ff020000000000000000000000000001"),
        ("0001:0000:0000:0000:0000:0000:0000:0000", "00010000000000000000000000000000"),
    ])
    func accepts(_ text: String, _ hex: String) {
        #expect(Array(text.utf8).exactly { IPAddressText.bytes($0) }?.hex == hex)
    }

    @Test(arguments: [
        "", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.1000", "01.2.3.4",
        "1.2.3.00",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1.2.3.+4", "0x1.2.3.4", "1.2.3.a", "1.2.3.4/8", "１.2.3.4", ":", ":::",
        "1:",
        ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8", "12345::", "g::", "::g", "fe80::1%eth0", "[::1]", "::1/64", "::1.2.3", "::1.2.3.256",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1:::2", "::é", "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8",
    ])
    func refuses(_ text: String) {
        #expect(Array(text.utf8).exactly { IPAddressText.bytes($0) } == nil)
        #expect(!Array(text.utf8).exactly { IPAddressText.isValid($0) })
    }

    /// inet_pton of the C library knows the same forms.
    @Test func agreesWithTheSystem() {
        var random = SeededRandom()
        let pieces = ["1", "0", "ff", ":", "::", ".", "255", "12", ":", "::", "1.2.3.4", "256", "00", "abcd"]
        var accepted = 0
        for _ in 0..<20_000 {
            let text = (0..<(1 + random.below(16))).map { _ in random.element(pieces) }.joined()
            var bytes = [UInt8](repeating: 0, count: 16)
            let family = text.contains(":") ? AF_INET6 : AF_INET
            let good = inet_pton(family, text, &bytes) == 1
            let expected = good ? Array(bytes.prefix(family == AF_INET ? 4 : 16)) : nil
            check(Array(text.utf8).exactly { IPAddressText.bytes($0) } == expected, "\(text)")
            if good { accepted += 1 }
        }
        #expect(accepted > 50)
    }
}
