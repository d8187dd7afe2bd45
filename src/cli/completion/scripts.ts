/** The shells for which there is a completion. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** One of {@link shells}. */
export type Shell = (typeof shells)[number];

/** In these texts § stands for the dollar sign, which before a brace would not be the shell's. */
const bash = String.raw`# Completion of regferry for bash, written by: regferry completion bash
_regferry() {
  local line="§{COMP_LINE:0:COMP_POINT}" IFS=§' \t\n' cur out prefix='' mark head value about
  local -a words
  read -ra words <<< "§line"
  [[ §line == *[[:space:]] ]] && words+=('')
  cur="§{words[§{#words[@]}-1]}"
  COMPREPLY=()
  out="§("§1" __complete "§{words[@]:1}" 2>/dev/null)" || return 0
  # Readline replaces what is behind the last of its word breaks, and nothing before it.
  for mark in : = @; do
    if [[ §COMP_WORDBREAKS == *"§mark"* && §cur == *"§mark"* ]]; then
      head="§{cur%"§{cur##*"§mark"}"}"
      [[ §{#head} -gt §{#prefix} ]] && prefix="§head"
    fi
  done
  if [[ §out == ':files' ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r value; do COMPREPLY+=("§value"); done < <(compgen -f -- "§{cur#"§prefix"}")
    return 0
  fi
  while IFS=§'\t' read -r value about; do
    [[ -n §value ]] && COMPREPLY+=("§{value#"§prefix"}")
  done <<< "§out"
  [[ §{#COMPREPLY[@]} -eq 1 && §{COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _regferry regferry
`;

const zsh = String.raw`#compdef regferry
# Completion of regferry for zsh, written by: regferry completion zsh
_regferry() {
  local line value about found=1
  local -a lines whole open wholeabout openabout
  lines=("§{(@f)§("§words[1]" __complete "§{(@)words[2,CURRENT-1]}" "§PREFIX" 2>/dev/null)}")
  if [[ §lines[1] == ':files' ]]; then
    [[ §PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  for line in §lines; do
    value="§{line%%§'\t'*}"
    about=''
    [[ §line == *§'\t'* ]] && about="  -- §{line#*§'\t'}"
    # What goes on after it gets no space behind it.
    if [[ §value == *[:/=] ]]; then
      open+=("§value")
      openabout+=("§value§about")
    elif [[ -n §value ]]; then
      whole+=("§value")
      wholeabout+=("§value§about")
    fi
  done
  (( §#whole )) && compadd -l -d wholeabout -a whole && found=0
  (( §#open )) && compadd -S '' -d openabout -a open && found=0
  return found
}
if [[ §zsh_eval_context[-1] == loadautofunc ]]; then
  _regferry "§@"
else
  compdef _regferry regferry
fi
`;

const fish = String.raw`# Completion of regferry for fish, written by: regferry completion fish
function __regferry_complete
    set -l words (commandline -opc)
    set -l program §words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l lines (command §program __complete §words "§current" 2>/dev/null)
    if test "§lines" = ':files'
        __fish_complete_path "§current"
    else
        printf '%s\n' §lines
    end
end
complete -c regferry -f -a '(__regferry_complete)'
`;

/**
 * What a shell reads to complete words after `regferry`. Each script hands the words so far, the unfinished last one
 * included, to `regferry __complete`, which prints a candidate a line, with a tab and a few words about it where there are
 * such, or `:files` where file names are wanted.
 */
export const scripts: Readonly<Record<Shell, string>> = {
  bash: bash.replaceAll('§', '$'),
  zsh: zsh.replaceAll('§', '$'),
  fish: fish.replaceAll('§', '$'),
};
