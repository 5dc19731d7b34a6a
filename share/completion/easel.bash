# Completion of easel in bash. The lists are made from the table of commands.

_easel()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} options='' values=''
    # commands: begin
    local commands='serve dev jwt explain eas events scopes methods config backup restore fsck rotate-key token version help'
    case $command in
    serve) options='--seed --data --repository --blobs --s3-region --s3-access-key --spool --config --secret-key-file --listen --tls-cert --tls-key --threads --admin-name --admin-password-file --max-header --max-body --max-import --max-spool --max-connections --connections-per-address --request-timeout --idle-timeout --drain-timeout --signin-failures --signin-window --session-life --pat-life --pat-idle --jwt-max-life --jwt-clock-skew --explain-refusals --eas-limit --eas-bare-audience --eas-scp-string --eas-max-life --eas-refused-algorithms --eas-user-claim --eas-issuer --eas-jwks-uri --eas-keys-keep --fetch-plain-http --fetch-networks --fetch-ca-file --fetch-timeout --fetch-max-body --events-keep --observed-keep --log-level --log-format --repository-workers --job-workers --job-poll --job-lease --upload-keep --sweep-every --sweep-age --job-keep --help' ;;
    dev) options='--seed --listen --tls-cert --tls-key --threads --admin-name --max-header --max-body --max-import --max-connections --connections-per-address --request-timeout --idle-timeout --drain-timeout --signin-failures --signin-window --session-life --pat-life --pat-idle --jwt-max-life --jwt-clock-skew --explain-refusals --eas-limit --eas-bare-audience --eas-scp-string --eas-max-life --eas-refused-algorithms --eas-user-claim --eas-issuer --eas-jwks-uri --eas-keys-keep --fetch-plain-http --fetch-networks --fetch-ca-file --fetch-timeout --fetch-max-body --log-level --log-format --job-workers --upload-keep --sweep-every --sweep-age --job-keep --help' ;;
    jwt) options='--client-id --secret-id --secret-value --user --scope --expires --claim --help' ;;
    explain) options='--site --method --data --repository --config --secret-key-file --jwt-max-life --jwt-clock-skew --eas-bare-audience --eas-scp-string --eas-max-life --eas-refused-algorithms --eas-user-claim --fetch-plain-http --fetch-networks --fetch-ca-file --fetch-timeout --fetch-max-body --help' ;;
    eas) options='--jwks-uri --data --config --eas-refused-algorithms --fetch-plain-http --fetch-networks --fetch-ca-file --fetch-timeout --fetch-max-body --help' ;;
    events) options='--follow --json --data --repository --config --help' ;;
    scopes) options='--observed --since --json --data --repository --config --help' ;;
    methods) options='--scope --json --help' ;;
    config) options='--data --repository --blobs --s3-region --s3-access-key --spool --config --secret-key-file --listen --tls-cert --tls-key --threads --admin-name --admin-password-file --max-header --max-body --max-import --max-spool --max-connections --connections-per-address --request-timeout --idle-timeout --drain-timeout --signin-failures --signin-window --session-life --pat-life --pat-idle --jwt-max-life --jwt-clock-skew --explain-refusals --eas-limit --eas-bare-audience --eas-scp-string --eas-max-life --eas-refused-algorithms --eas-user-claim --eas-issuer --eas-jwks-uri --eas-keys-keep --fetch-plain-http --fetch-networks --fetch-ca-file --fetch-timeout --fetch-max-body --events-keep --observed-keep --log-level --log-format --repository-workers --job-workers --job-poll --job-lease --upload-keep --sweep-every --sweep-age --job-keep --help' ;;
    backup) options='--data --repository --config --help' ;;
    restore) options='--data --repository --config --help' ;;
    fsck) options='--deep --delete-unreferenced --older-than --data --repository --blobs --s3-region --s3-access-key --spool --config --sweep-age --help' ;;
    rotate-key) options='--data --repository --config --secret-key-file --help' ;;
    token) options='--user --site --name --data --repository --config --secret-key-file --pat-life --help' ;;
    version) options='--help' ;;
    help) options='--help' ;;
    esac
    case $previous in
    --admin-password-file | --config | --fetch-ca-file | --secret-key-file | --seed | --tls-cert | --tls-key) values=files ;;
    --data | --spool) values=folders ;;
    --log-level) values='debug info warn error' ;;
    --log-format) values='text json' ;;
    --admin-name | --blobs | --claim | --client-id | --connections-per-address | --drain-timeout | --eas-issuer | --eas-jwks-uri | --eas-keys-keep | --eas-limit | --eas-max-life | --eas-refused-algorithms | --eas-user-claim | --events-keep | --expires | --fetch-max-body | --fetch-networks | --fetch-timeout | --idle-timeout | --job-keep | --job-lease | --job-poll | --job-workers | --jwks-uri | --jwt-clock-skew | --jwt-max-life | --listen | --max-body | --max-connections | --max-header | --max-import | --max-spool | --method | --name | --observed-keep | --older-than | --pat-idle | --pat-life | --repository | --repository-workers | --request-timeout | --s3-access-key | --s3-region | --scope | --secret-id | --secret-value | --session-life | --signin-failures | --signin-window | --since | --site | --sweep-age | --sweep-every | --threads | --upload-keep | --user) values=none ;;
    esac
    # commands: end
    if [ "$COMP_CWORD" -eq 1 ] || { [ "$COMP_CWORD" -eq 2 ] && [ "$command" = help ]; }; then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$current"))
    elif [ "$values" = files ]; then
        COMPREPLY=($(compgen -f -- "$current"))
    elif [ "$values" = folders ]; then
        COMPREPLY=($(compgen -d -- "$current"))
    elif [ "$values" = none ]; then
        COMPREPLY=()
    elif [ -n "$values" ]; then
        COMPREPLY=($(compgen -W "$values" -- "$current"))
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}

complete -o filenames -F _easel easel
