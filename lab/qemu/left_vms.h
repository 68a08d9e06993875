// Which virtual machines run on although the process that started them is gone?
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/leftover.h"
#include "lab/lease/owner.h"

namespace holdfast::lab {

/// For the environment of a QEMU: who started it, so that it can be told from others for as long as it lives.
Result<std::map<std::string, std::string>> mark_of_vm();

/// QEMUs that carry such a mark of a process of this boot and this namespace that is gone. What has no mark, has
/// another user's, or is no QEMU with a machine of ours is left alone, whatever it is called. `proc` is for tests.
std::vector<Leftover> left_vms(const Owner& self, const std::filesystem::path& proc = "/proc");

}  // namespace holdfast::lab
