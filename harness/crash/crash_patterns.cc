// Which message begins a crash, which ends its report, and what makes two reports the same?
//
// A pattern must stand at the beginning of a message, and has to show the shape that the kernel gives it: words such as
// WARNING or BUG alone are said by user space, by firmware tables and by sound kernels about their processor.
#include "harness/crash/crash_patterns.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace holdfast::crash {
namespace {

struct Pattern {
  std::string_view kind;
  std::string_view begins;
  std::string_view holds = {};   ///< must come later in the message
  std::string_view holds2 = {};  ///< and this too
  bool stamped = false;          ///< too weak for a message of which it is not certain that the kernel said it
};

// Source of the texts: Linux 7.3 unless a comment says otherwise; older spellings are kept, because any kernel may be
// under test.
constexpr Pattern kPatterns[] = {
    {"panic", "Kernel panic - not syncing"},  // kernel/panic.c
    // Before the kernel proper, or before it can handle an exception: arch/x86/boot/compressed/error.c, boot/main.c,
    // mm/extable.c
    {"early-boot", " -- System halted"},
    {"early-boot", "Unable to boot - please use a kernel appropriate for your CPU"},
    {"early-boot", "PANIC: early exception"},
    // arch/x86/mm/fault.c, arch/x86/kernel/traps.c, dumpstack.c
    {"oops", "BUG: kernel NULL pointer dereference"},
    {"oops", "BUG: unable to handle"},
    {"oops", "BUG: ", "stack guard page was hit"},
    {"oops", "BUG: invalid or fatal FRED event"},
    {"oops", "Oops", " [#"},
    {"oops", "general protection fault", " [#"},
    {"oops", "invalid opcode: ", " [#"},
    {"oops", "divide error: ", " [#"},
    {"oops", "double fault: ", " [#"},
    {"oops", "stack segment: ", " [#"},
    {"oops", "int3: ", " [#"},
    {"oops", "traps: PANIC: double fault"},
    {"oops", "PANIC: double fault"},
    {"oops", "Unable to handle kernel "},      // arch/arm64/mm/fault.c
    {"oops", "Internal error: ", " [#"},       // arch/arm64/kernel/traps.c
    {"bug", "kernel BUG at "},                 // lib/bug.c
    {"kasan", "BUG: KASAN: "},                 // mm/kasan/report.c
    {"kmsan", "BUG: KMSAN: "},                 // mm/kmsan/report.c
    {"kcsan", "BUG: KCSAN: "},                 // kernel/kcsan/report.c
    {"kfence", "BUG: KFENCE: "},               // mm/kfence/report.c
    {"ubsan", "UBSAN: ", " in "},              // lib/ubsan.c
    {"soft-lockup", "BUG: soft lockup"},       // kernel/watchdog.c
    {"soft-lockup", "BUG: workqueue lockup"},  // kernel/workqueue.c
    {"hard-lockup", "CPU", "Watchdog detected hard LOCKUP"},
    {"hard-lockup", "Watchdog detected hard LOCKUP"},  // up to 6.13
    {"rcu-stall", "INFO: rcu", "detected stall"},      // kernel/rcu/tree_stall.h, tasks.h
    {"rcu-stall", "INFO: rcu", "detected expedited stall"},
    {"hung-task", "INFO: task ", " blocked", "for more than"},  // kernel/hung_task.c
    // kernel/locking/lockdep.c; with INFO and brackets up to 4.10
    {"lockdep", "WARNING: possible circular locking"},
    {"lockdep", "WARNING: possible recursive locking"},
    {"lockdep", "WARNING: possible irq lock inversion"},
    {"lockdep", "WARNING: inconsistent lock state"},
    {"lockdep", "WARNING: ", "-unsafe lock order detected"},
    {"lockdep", "WARNING: suspicious RCU usage"},
    {"lockdep", "WARNING: held lock freed"},
    {"lockdep", "WARNING: bad unlock balance"},
    {"lockdep", "WARNING: bad contention"},
    {"lockdep", "WARNING: Nested lock was not taken"},
    {"lockdep", "WARNING: chain_key collision"},
    {"lockdep", "WARNING: lock held when returning"},
    {"lockdep", "WARNING: ", "still has locks held"},
    {"lockdep", "[ INFO: possible "},
    {"lockdep", "[ INFO: inconsistent lock state"},
    {"lockdep", "[ INFO: suspicious RCU usage"},
    {"lockdep", "[ BUG: "},
    {"lockdep", "INFO: trying to register non-static key"},
    {"lockdep", "DEBUG_LOCKS_WARN_ON("},  // include/linux/debug_locks.h
    // kernel/panic.c: "WARNING: file:line at function+0x.., CPU#0: comm/pid", and the form up to 6.16
    {"warn", "WARNING: ", "at ", ", CPU#"},
    {"warn", "WARNING: CPU: ", " PID: ", " at "},
    {"warn", "unchecked MSR access error: "},  // arch/x86/mm/extable.c
    {"warn", "irq ", ": nobody cared"},        // kernel/irq/spurious.c
    {"bug", "BUG: ", {}, {}, true},            // kernel/sched/core.c, mm/, and whatever calls itself one
    {"bug", "BUG ", "): ", {}, true},          // mm/slub.c: "BUG kmalloc-64 (Tainted: G): Redzone ..."
};

/// Prefixes that a subsystem's pr_fmt puts before the texts above.
constexpr std::string_view kPrefixes[] = {"watchdog: ", "rcu: ", "NMI watchdog: "};

constexpr std::string_view kFirmware[] = {
    "SeaBIOS (version",    "iPXE (http", "iPXE initialising",      "Booting from ROM", "Booting from Hard Disk",
    "Booting from DVD",    "BdsDxe: ",   "UEFI firmware (version", "GNU GRUB ",        "Welcome to GRUB",
    "American Megatrends", "PXE-E"};

/// Functions that are in every report of their sort and so tell none from another: the reporting itself, the checks
/// that found it, the way from an exception to them, and waiting as such.
constexpr std::string_view kEverywhere[] = {"dump_stack",
                                            "dump_stack_lvl",
                                            "__dump_stack",
                                            "show_stack",
                                            "show_regs",
                                            "panic",
                                            "vpanic",
                                            "nmi_panic",
                                            "check_panic_on_warn",
                                            "die",
                                            "die_addr",
                                            "__die",
                                            "__die_body",
                                            "__warn",
                                            "__warn_printk",
                                            "warn_slowpath_fmt",
                                            "warn_slowpath_null",
                                            "report_bug",
                                            "__report_bug",
                                            "handle_bug",
                                            "exc_invalid_op",
                                            "asm_exc_invalid_op",
                                            "exc_page_fault",
                                            "asm_exc_page_fault",
                                            "page_fault_oops",
                                            "no_context",
                                            "__bad_area_nosemaphore",
                                            "bad_area_nosemaphore",
                                            "do_user_addr_fault",
                                            "do_kern_addr_fault",
                                            "kernelmode_fixup_or_oops",
                                            "exc_general_protection",
                                            "asm_exc_general_protection",
                                            "do_trap",
                                            "do_error_trap",
                                            "oops_end",
                                            "print_report",
                                            "print_address_description",
                                            "kasan_report",
                                            "kasan_check_range",
                                            "__kasan_report",
                                            "check_memory_region",
                                            "kasan_save_stack",
                                            "kcsan_report",
                                            "kcsan_setup_watchpoint",
                                            "__kcsan_check_access",
                                            "kmsan_print_report",
                                            "kmsan_report",
                                            "ubsan_epilogue",
                                            "lockdep_rcu_suspicious",
                                            "print_circular_bug",
                                            "check_noncircular",
                                            "print_deadlock_bug",
                                            "check_deadlock",
                                            "validate_chain",
                                            "__lock_acquire",
                                            "lock_acquire",
                                            "lock_release",
                                            "mark_lock",
                                            "mark_lock_irq",
                                            "print_usage_bug",
                                            "print_irq_inversion_bug",
                                            "print_bad_irq_dependency",
                                            "print_unlock_imbalance_bug",
                                            "__lock_release",
                                            "__schedule_bug",
                                            "__might_sleep",
                                            "__might_resched",
                                            "__schedule",
                                            "schedule",
                                            "__schedule_loop",
                                            "schedule_preempt_disabled",
                                            "schedule_timeout",
                                            "schedule_timeout_uninterruptible",
                                            "schedule_timeout_killable",
                                            "schedule_hrtimeout_range",
                                            "io_schedule",
                                            "watchdog_timer_fn",
                                            "__hrtimer_run_queues",
                                            "hrtimer_interrupt",
                                            "nmi_cpu_backtrace",
                                            "nmi_trigger_cpumask_backtrace",
                                            "rcu_dump_cpu_stacks",
                                            "rcu_sched_clock_irq",
                                            "update_process_times",
                                            "tick_sched_handle",
                                            "tick_sched_timer",
                                            "tick_nohz_handler",
                                            "sysvec_apic_timer_interrupt",
                                            "__sysvec_apic_timer_interrupt",
                                            "asm_sysvec_apic_timer_interrupt",
                                            "watchdog_overflow_callback",
                                            "watchdog_hardlockup_check",
                                            "default_do_nmi",
                                            "exc_nmi",
                                            "asm_exc_nmi",
                                            "end_repeat_nmi"};
constexpr std::string_view kEverywhereBegins[] = {"__asan_", "__ubsan_handle_", "__tsan_", "__msan_"};

bool symbol_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$';
}
bool hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

/// The symbol of "symbol+0x1a/0x2b" that `text` begins with, or nothing.
std::string_view symbol_at(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && symbol_char(text[i])) ++i;
  const std::string_view symbol = text.substr(0, i);
  if (symbol.empty() || !text.substr(i).starts_with("+0x")) return {};
  i += 3;
  while (i < text.size() && hex(text[i])) ++i;
  return text.substr(i).starts_with("/0x") ? symbol : std::string_view{};
}

/// Without what the compiler hangs on the name: "foo.isra.0", "foo.constprop.0", "foo.cold", "foo.llvm.123".
std::string_view plain(std::string_view symbol) {
  const size_t dot = symbol.find('.', 1);
  return symbol.substr(0, dot);
}

std::string_view telling(std::string_view symbol) {
  const std::string_view name = plain(symbol);
  if (std::ranges::find(kEverywhere, name) != std::end(kEverywhere)) return {};
  for (const std::string_view prefix : kEverywhereBegins) {
    if (name.starts_with(prefix)) return {};
  }
  return name;
}

}  // namespace

std::string_view kind_of(const LogLine& line, bool log_is_stamped) {
  std::string_view text = line.text;
  for (const std::string_view prefix : kPrefixes) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  for (const Pattern& pattern : kPatterns) {
    if (!text.starts_with(pattern.begins)) continue;
    if (pattern.stamped && log_is_stamped && !line.stamped) continue;
    const std::string_view rest = text.substr(pattern.begins.size());
    if (rest.find(pattern.holds) == std::string_view::npos || rest.find(pattern.holds2) == std::string_view::npos)
      continue;
    return pattern.kind;
  }
  return {};
}

bool is_firmware(std::string_view text) {
  return std::ranges::any_of(kFirmware, [&](std::string_view banner) { return text.starts_with(banner); });
}

bool is_banner(const LogLine& line, bool log_is_stamped) {
  return line.text.starts_with("Linux version ") && (line.stamped || !log_is_stamped);
}

bool is_warning(std::string_view kind) {
  return kind == "warn" || kind == "lockdep" || kind == "ubsan" || kind == "kcsan";
}

bool ends_report(std::string_view kind, std::string_view text) {
  if (text.starts_with("---[ end ")) return true;
  const bool framed = kind == "kasan" || kind == "kmsan" || kind == "kcsan" || kind == "kfence" || kind == "ubsan";
  if (framed) return text.starts_with("====================");
  // Reports without a last line of their own end with their stack.
  const bool bare =
      kind == "hung-task" || kind == "soft-lockup" || kind == "hard-lockup" || kind == "rcu-stall" || kind == "lockdep";
  return bare && text.find("</TASK>") != std::string_view::npos;
}

std::string_view panic_end(std::string_view text) {
  constexpr std::string_view kBegin = "---[ end Kernel panic";
  constexpr std::string_view kEnd = " ]---";
  if (!text.starts_with(kBegin)) return {};
  text.remove_prefix(std::string_view("---[ end ").size());
  if (text.ends_with(kEnd)) text.remove_suffix(kEnd.size());
  return text;
}

std::string_view frame_of(std::string_view text) {
  if (text.starts_with("RIP: ")) {
    if (text.starts_with("RIP: 0033:")) return {};  // user space
    const size_t colon = text.find(':', 5);
    return colon == std::string_view::npos ? std::string_view{} : telling(symbol_at(text.substr(colon + 1)));
  }
  if (text.starts_with("pc : ")) return telling(symbol_at(text.substr(5)));
  if (!text.starts_with(' ')) return {};
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  if (text.starts_with("[<")) {  // up to 4.9: " [<ffffffff81234567>] foo+0x1/0x2"
    const size_t end = text.find(">] ");
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 3);
  }
  if (text.starts_with('?')) return {};
  return telling(symbol_at(text));
}

std::string_view function_in_title(std::string_view text) {
  const size_t plus = text.find("+0x");
  if (plus == std::string_view::npos) return {};
  size_t begin = plus;
  while (begin > 0 && symbol_char(text[begin - 1])) --begin;
  return telling(symbol_at(text.substr(begin)));
}

std::string fingerprint(std::string_view kind, std::string_view title, const std::vector<std::string>& frames) {
  std::string text = std::string(kind) + ": ";
  if (!frames.empty()) {
    for (size_t i = 0; i < frames.size(); ++i) text += (i == 0 ? "" : " < ") + frames[i];
    return text;
  }
  // Words with a digit in them are addresses, CPUs, pids and times.
  for (size_t i = 0; i < title.size();) {
    size_t end = i;
    while (end < title.size() && std::isalnum(static_cast<unsigned char>(title[end])) != 0) ++end;
    const std::string_view word = title.substr(i, end - i);
    if (std::ranges::any_of(word, [](char c) { return c >= '0' && c <= '9'; })) {
      text += 'N';
    } else {
      text += word;
    }
    if (end == i) text += title[end++];
    i = end;
  }
  return text;
}

}  // namespace holdfast::crash
