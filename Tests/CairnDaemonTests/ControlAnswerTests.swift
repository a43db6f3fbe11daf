import Testing

@testable import CairnDaemon

@Suite struct ControlAnswerTests {
    private func success(_ fields: [(String, ControlAnswer.Value)]) -> String {
        String(decoding: ControlAnswer.success(fields), as: UTF8.self)
    }

    @Test func aSuccessHoldsItsFieldsInOrder() {
        #expect(success([]) == #"{"ok":true}"#)
        #expect(
            success([
                ("text", .text("a\"\\\n\u{1}é")), ("number", .number(.max)), ("zero", .number(0)), ("yes", .flag(true)),
                ("no", .flag(false)), ("none", .none),
            ])
                == #"{"ok":true,"text":"a\"\\\u000a\u0001é","number":18446744073709551615,"zero":0,"yes":true,"no":false,"#
                + #""none":null}"#)
    }

    @Test func objectsNest() {
        #expect(
            success([("a", .object([])), ("b", .object([("c", .object([("d", .number(1))])), ("e", .none)]))])
                == #"{"ok":true,"a":{},"b":{"c":{"d":1},"e":null}}"#)
    }

    @Test func aFailureSaysWhy() {
        #expect(
            String(decoding: ControlAnswer.failure("bad_request", "there is no command \"x\""), as: UTF8.self)
                == #"{"ok":false,"code":"bad_request","message":"there is no command \"x\""}"#)
    }

    @Test func anAnswerIsOneLine() {
        #expect(!ControlAnswer.failure("a\nb", "c\r\nd\u{2028}").contains(0x0A))
    }
}
