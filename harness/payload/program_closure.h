// What must stand beside a program of this machine so that it runs on another one?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast {

/// The program, its loader and the shared objects that the loader would load now, each under the absolute path by which
/// the program, or the loader, finds it. Asks the program's own loader, which runs nothing of the program. Ordered,
/// each once. What a program loads later by dlopen() is not known. Errors: lab.io; lab.program when it is no 64-bit ELF
/// program, or an object is missing.
Result<std::vector<std::filesystem::path>> closure_of(const std::filesystem::path& program, const Deadline& deadline);

/// The sshd of this machine with all that it consists of. Errors: as above; lab.missing-program with the package to
/// install.
Result<std::vector<std::filesystem::path>> sshd_closure(const Deadline& deadline);

/// What a loader says of what it would load, "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f...)" line by line:
/// the paths. Errors: lab.program when an object was not found.
Result<std::vector<std::filesystem::path>> loaded_objects(std::string_view listing);

}  // namespace holdfast
