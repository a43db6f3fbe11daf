import CairnFuzzing
import Glibc

// libFuzzer's main function is this program's. It calls the functions below:
// https://llvm.org/docs/LibFuzzer.html

/// What the environment names; made by `LLVMFuzzerInitialize`, before the first input, on the one thread there is.
private nonisolated(unsafe) var fuzzCheck: (any FuzzCheck)?

/// Chooses the target by the variable CAIRN_FUZZ_TARGET. Without a name it prints them all and ends.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
    let name = getenv("CAIRN_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        for target in FuzzTarget.allCases { print(target.rawValue, target.sizeLimit) }
        exit(name.isEmpty ? 0 : 64)
    }
    do throws(PropertyFailure) {
        fuzzCheck = try target.makeCheck()
    } catch {
        fatalError("\(error)")
    }
    return 0
}

/// Checks one input, and traps where a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    do throws(PropertyFailure) {
        _ = try fuzzCheck?.check(UnsafeRawBufferPointer(start: data, count: size))
        return 0
    } catch {
        fatalError("a property does not hold: \(error)")
    }
}
