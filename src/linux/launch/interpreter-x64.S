# The interpreter of launch programs on x86-64. Its bytes stand in interpreter.ts;
# test/linux/launch/interpreter.fast.test.ts holds the two against each other.
#
# An operation is 11 words of 8 bytes; the next operation lies BELOW the present one:
#    0 number   8..48 arguments 0-5   56 store   64 on positive   72 on zero   80 on error
# A branch word of 0 means: go on with the next operation. A negative number means: compute
#   (([argument 0] >> argument 1) & argument 2) * argument 3 + argument 4
# A failed system call leaves its operation's address and its result in FAILED.

.intel_syntax noprefix
.set TOP, 0x10000c00        # operations lie below, data above
.set SIZE, 88
.set FAILED, TOP + 4

.globl _start
_start:
  mov ebx, TOP - SIZE
next:
  mov rax, [rbx]
  mov rdi, [rbx + 8]
  mov rsi, [rbx + 16]
  mov rdx, [rbx + 24]
  mov r10, [rbx + 32]
  mov r8, [rbx + 40]
  mov r9, [rbx + 48]
  test rax, rax
  js compute
  syscall
  test rax, rax
  jns result
  mov [FAILED], ebx
  mov [FAILED + 4], rax
result:
  mov rcx, [rbx + 56]
  jrcxz branch
  mov [rcx], rax
branch:
  test rax, rax
  mov rcx, [rbx + 64]
  jg go
  mov rcx, [rbx + 72]
  jz go
  mov rcx, [rbx + 80]
go:
  sub rbx, SIZE
  test rcx, rcx
  cmovnz rbx, rcx
  jmp next
compute:
  mov rax, [rdi]
  mov ecx, esi
  sar rax, cl
  and rax, rdx
  imul rax, r10
  add rax, r8
  jmp result
