// Which places in a payload do its writer and the agent both know?
#pragma once

namespace holdfast::wire {

/// How many bytes of the initramfs, from its begin, a next kernel needs: what follows them are files that the
/// controller can send again. Decimal digits and a line end; without this file all of it is needed.
inline constexpr const char* kVitalSizeFile = "/holdfast/vital-size";

}  // namespace holdfast::wire
